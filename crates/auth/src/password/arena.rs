use argon2::{Algorithm, Argon2, Block, Version};

use super::backend::InUse;
use super::{Cost, PasswordError};

/// What argon2 makes a tag of (RFC 9106 section 3.1).
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) version: Version,
    pub(super) cost: Cost,
    pub(super) password: &'a [u8],
    pub(super) salt: &'a [u8],
    /// The secret value of RFC 9106, a pepper; empty means none.
    pub(super) secret: &'a [u8],
}

/// The least that can be hashed.
const NOTHING: Input<'_> = Input {
    algorithm: Algorithm::Argon2id,
    version: Version::V0x13,
    cost: LEAST,
    password: &[],
    salt: &[0; 8],
    secret: &[],
};

const LEAST: Cost = match Cost::try_new(8, 1, 1) {
    Ok(cost) => cost,
    Err(_) => unreachable!(),
};

/// The memory of one hash, kept between hashes: getting it from the operating system, page by
/// page, costs about a third of the hash. The next hash writes over what the last one left; where none
/// follows, [`Arena::forget`] does.
pub(super) struct Arena {
    kept: usize,
    /// Whether a hash left something in it.
    is_used: bool,
    blocks: Vec<Block>,
    #[cfg(feature = "accelerated")]
    accelerated: Option<argon2_rust::Hasher>,
    computed: u64,
}

impl Arena {
    /// An arena that keeps the memory of hashes of `cost`, once it did one.
    pub(super) fn new(cost: Cost, backend: InUse) -> Self {
        #[cfg(not(feature = "accelerated"))]
        let _ = backend;
        Self {
            // At most four blocks for each lane beside: argon2 rounds to whole segments.
            kept: cost.params(32).map_or(0, |params| params.block_count()),
            is_used: false,
            blocks: Vec::new(),
            #[cfg(feature = "accelerated")]
            accelerated: matches!(backend, InUse::Accelerated(_)).then(accelerated::hasher),
            computed: 0,
        }
    }

    /// Computes an argon2 tag (RFC 9106 section 3.2) into `tag`.
    pub(super) fn argon2(&mut self, input: &Input, tag: &mut [u8]) -> Result<(), PasswordError> {
        self.is_used = true;
        #[cfg(feature = "accelerated")]
        if let Some(hasher) = &mut self.accelerated {
            return accelerated::compute(hasher, input, tag);
        }
        self.reference(input, tag)
    }

    fn reference(&mut self, input: &Input, tag: &mut [u8]) -> Result<(), PasswordError> {
        let internal = |_| PasswordError::Internal;
        let params = input
            .cost
            .params(tag.len())
            .ok_or(PasswordError::Internal)?;
        let used = params.block_count();
        if self.blocks.len() < used {
            self.blocks.resize(used, Block::default());
        }
        let (algorithm, version) = (input.algorithm, input.version);
        let argon2 = if input.secret.is_empty() {
            Argon2::new(algorithm, version, params)
        } else {
            Argon2::new_with_secret(input.secret, algorithm, version, params).map_err(internal)?
        };
        argon2
            .hash_password_into_with_memory(input.password, input.salt, tag, &mut self.blocks[..])
            .map_err(internal)
    }

    /// Whether something of a password may be in it.
    pub(super) fn is_used(&self) -> bool {
        self.is_used
    }

    /// Leaves nothing of a password: whoever reads the memory of a hash can try guesses at a part of its
    /// cost.
    pub(super) fn forget(&mut self) {
        if !std::mem::take(&mut self.is_used) {
            return;
        }
        // Both libraries leave the hash of the password that they begin with on the stack, where the next
        // one takes its place.
        let _ = self.argon2(&NOTHING, &mut [0; 4]);
        self.is_used = false;
        self.blocks.fill(Block::default());
        // It has no way to wipe what it keeps; the operating system hands nobody a page as it was.
        #[cfg(feature = "accelerated")]
        if let Some(hasher) = &mut self.accelerated {
            hasher.clear();
        }
    }

    /// Notes that the arena, or the core that comes with it, does one unit of work.
    pub(super) fn count(&mut self) {
        self.computed += 1;
    }

    /// How many units of work were done since this was last asked.
    pub(super) fn take_computed(&mut self) -> u64 {
        std::mem::take(&mut self.computed)
    }

    /// Gives back what a hash of greater cost, imported from elsewhere, took.
    pub(super) fn settle(&mut self) {
        if self.blocks.len() > self.kept {
            self.blocks.fill(Block::default());
            self.blocks.truncate(self.kept);
            self.blocks.shrink_to_fit();
        }
        #[cfg(feature = "accelerated")]
        if let Some(hasher) = &mut self.accelerated
            && hasher.reserved_blocks() > self.kept
        {
            hasher.clear();
        }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        self.forget();
    }
}

#[cfg(feature = "accelerated")]
mod accelerated {
    use argon2_rust::params::{Memory, TagLen};
    use argon2_rust::{Argon2, Hasher, Params};

    use super::{Algorithm, Input, PasswordError, Version};

    pub(super) fn hasher() -> Hasher {
        // Replaced before each hash; it has no memory before the first.
        Argon2::new(
            argon2_rust::Algorithm::Argon2id,
            argon2_rust::Version::V0x13,
            Params::default(),
        )
        .hasher()
    }

    pub(super) fn compute(
        hasher: &mut Hasher,
        input: &Input,
        tag: &mut [u8],
    ) -> Result<(), PasswordError> {
        let params = Params::builder()
            .memory(Memory::kib(u64::from(input.cost.memory_kib())))
            .passes(input.cost.iterations())
            .lanes(input.cost.parallelism())
            // The server's parallelism is in its users.
            .threads(1)
            .tag_len(TagLen::bytes(tag.len() as u64))
            .build()
            .map_err(|_| PasswordError::Internal)?;
        let algorithm = match input.algorithm {
            Algorithm::Argon2d => argon2_rust::Algorithm::Argon2d,
            Algorithm::Argon2i => argon2_rust::Algorithm::Argon2i,
            Algorithm::Argon2id => argon2_rust::Algorithm::Argon2id,
        };
        let version = match input.version {
            Version::V0x10 => argon2_rust::Version::V0x10,
            Version::V0x13 => argon2_rust::Version::V0x13,
        };
        hasher.set_argon2(Argon2::new(algorithm, version, params));
        hasher
            .hash_into_with_ad(input.password, input.salt, input.secret, &[], tag)
            .map_err(|_| PasswordError::Internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TINY: Cost = LEAST;

    fn input(cost: Cost) -> Input<'static> {
        Input {
            algorithm: Algorithm::Argon2id,
            version: Version::V0x13,
            cost,
            password: b"password",
            salt: b"somesalt",
            secret: &[],
        }
    }

    #[test]
    fn a_costlier_hash_does_not_keep_its_memory() {
        let mut arena = Arena::new(TINY, InUse::Reference);
        let costly = Cost::try_new(1024, 1, 1).unwrap();
        arena.argon2(&input(costly), &mut [0; 32]).unwrap();
        assert_eq!(arena.blocks.len(), 1024);
        arena.settle();
        assert_eq!(arena.blocks.len(), 8);
    }

    #[cfg(feature = "accelerated")]
    #[test]
    fn nor_does_it_in_the_accelerated_arena() {
        let mut arena = Arena::new(TINY, InUse::Accelerated("any"));
        let reserved = |arena: &Arena| arena.accelerated.as_ref().unwrap().reserved_blocks();
        arena.argon2(&input(TINY), &mut [0; 32]).unwrap();
        arena.settle();
        assert_eq!(reserved(&arena), 8);
        let costly = Cost::try_new(1024, 1, 1).unwrap();
        arena.argon2(&input(costly), &mut [0; 32]).unwrap();
        assert_eq!(reserved(&arena), 1024);
        arena.settle();
        assert_eq!(reserved(&arena), 0);
    }

    fn is_blank(arena: &Arena) -> bool {
        let words = arena.blocks.iter().flat_map(|block| block.as_ref().iter());
        words.copied().all(|word| word == 0)
    }

    #[test]
    fn what_is_forgotten_leaves_nothing_in_the_memory() {
        let mut arena = Arena::new(TINY, InUse::Reference);
        assert!(!arena.is_used());
        arena.argon2(&input(TINY), &mut [0; 32]).unwrap();
        assert!(arena.is_used() && !is_blank(&arena));
        arena.forget();
        assert!(!arena.is_used() && is_blank(&arena));
        assert_eq!(arena.blocks.len(), 8);
    }

    #[cfg(feature = "accelerated")]
    #[test]
    fn the_accelerated_arena_gives_its_memory_back_to_forget_it() {
        let mut arena = Arena::new(TINY, InUse::Accelerated("any"));
        let mut tags = [[0; 32], [0; 32]];
        for tag in &mut tags {
            arena.argon2(&input(TINY), tag).unwrap();
            assert!(arena.is_used());
            arena.forget();
            assert!(!arena.is_used());
            assert_eq!(arena.accelerated.as_ref().unwrap().reserved_blocks(), 0);
        }
        assert_eq!(tags[0], tags[1]);
    }
}
