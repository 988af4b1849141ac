use std::fmt;
use std::str::FromStr;

use argon2::Params;
use thiserror::Error;

/// What one argon2 hash costs (RFC 9106 section 3.1).
///
/// As text: `m=19456,t=2,p=1`, the way it stands in a PHC string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    memory_kib: u32,
    iterations: u32,
    parallelism: u32,
}

/// The figures are no cost, or one that is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "a cost looks like m=19456,t=2,p=1: m KiB of memory from 8 times p to {max_m}, t iterations \
     from 1 to {max_t}, p lanes from 1 to {max_p}",
    max_m = Cost::MAX_MEMORY_KIB,
    max_t = Cost::MAX_ITERATIONS,
    max_p = Cost::MAX_PARALLELISM
)]
pub struct InvalidCost;

impl Cost {
    /// 19 MiB, two iterations, one lane: the first choice of the OWASP Password Storage Cheat
    /// Sheet.
    pub const OWASP: Self = Self {
        memory_kib: 19_456,
        iterations: 2,
        parallelism: 1,
    };

    /// 256 MiB: a sixteenth of a small server. RFC 9106's second recommendation takes 64 MiB.
    pub const MAX_MEMORY_KIB: u32 = 256 * 1024;

    /// With the memory's bound, about two seconds.
    pub const MAX_ITERATIONS: u32 = 10;

    /// RFC 9106's recommendations have four lanes, Django's hashes eight.
    pub const MAX_PARALLELISM: u32 = 16;

    /// Checks the figures: memory in KiB, iterations, lanes. The least that argon2 knows is taken, for
    /// tests and for reading what is stored; it keeps nobody from guessing. For users it is
    /// [`OWASP`](Self::OWASP), or more.
    ///
    /// # Errors
    /// [`InvalidCost`] if argon2 does not know them or they are above the bounds.
    pub const fn try_new(
        memory_kib: u32,
        iterations: u32,
        parallelism: u32,
    ) -> Result<Self, InvalidCost> {
        let lanes_known = parallelism >= 1 && parallelism <= Self::MAX_PARALLELISM;
        let iterations_known = iterations >= 1 && iterations <= Self::MAX_ITERATIONS;
        if lanes_known
            && iterations_known
            && memory_kib >= 8 * parallelism
            && memory_kib <= Self::MAX_MEMORY_KIB
        {
            Ok(Self {
                memory_kib,
                iterations,
                parallelism,
            })
        } else {
            Err(InvalidCost)
        }
    }

    /// The memory, in KiB.
    pub const fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// The passes over the memory.
    pub const fn iterations(self) -> u32 {
        self.iterations
    }

    /// The lanes. They are computed one after another: the server's parallelism is in its users.
    pub const fn parallelism(self) -> u32 {
        self.parallelism
    }

    /// Whether guessing costs at least as much as with `other`: no less memory to hold, and no
    /// less memory to fill. More lanes at the same memory make no difference.
    pub(super) const fn is_at_least(self, other: Self) -> bool {
        self.memory_kib >= other.memory_kib
            && self.memory_kib as u64 * self.iterations as u64
                >= other.memory_kib as u64 * other.iterations as u64
    }

    pub(super) fn params(self, tag_bytes: usize) -> Option<Params> {
        Params::new(
            self.memory_kib,
            self.iterations,
            self.parallelism,
            Some(tag_bytes),
        )
        .ok()
    }
}

impl Default for Cost {
    fn default() -> Self {
        Self::OWASP
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "m={},t={},p={}",
            self.memory_kib, self.iterations, self.parallelism
        )
    }
}

impl FromStr for Cost {
    type Err = InvalidCost;

    fn from_str(text: &str) -> Result<Self, InvalidCost> {
        let (mut memory, mut iterations, mut lanes) = (None, None, None);
        for part in text.split(',') {
            let (name, value) = part.split_once('=').ok_or(InvalidCost)?;
            let value: u32 = value.parse().map_err(|_| InvalidCost)?;
            let slot = match name {
                "m" => &mut memory,
                "t" => &mut iterations,
                "p" => &mut lanes,
                _ => return Err(InvalidCost),
            };
            if slot.replace(value).is_some() {
                return Err(InvalidCost);
            }
        }
        match (memory, iterations, lanes) {
            (Some(memory), Some(iterations), Some(lanes)) => {
                Self::try_new(memory, iterations, lanes)
            }
            _ => Err(InvalidCost),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_reads_back_from_its_text() {
        assert_eq!(Cost::OWASP.to_string(), "m=19456,t=2,p=1");
        assert_eq!("m=19456,t=2,p=1".parse(), Ok(Cost::OWASP));
        assert_eq!("p=1,t=2,m=19456".parse(), Ok(Cost::OWASP));
    }

    #[test]
    fn a_cost_left_half_open_or_out_of_bounds_is_refused() {
        for bad in [
            "",
            "19456,2,1",
            "m=19456",
            "m=19456,t=2",
            "m=19456,t=2,p=1,m=8",
            "m=19456,t=2,p=1,x=1",
            "m=7,t=1,p=1",
            "m=31,t=1,p=4",
            "m=19456,t=0,p=1",
            "m=19456,t=11,p=1",
            "m=19456,t=2,p=0",
            "m=19456,t=2,p=17",
            "m=262145,t=1,p=1",
            "m=-1,t=2,p=1",
            "m=4294967296,t=2,p=1",
        ] {
            assert_eq!(bad.parse::<Cost>(), Err(InvalidCost), "{bad}");
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_library_too() {
        let params = argon2::Params::DEFAULT;
        let theirs = Cost::try_new(params.m_cost(), params.t_cost(), params.p_cost());
        assert_eq!(theirs, Ok(Cost::OWASP));
    }

    #[test]
    fn stronger_means_neither_less_memory_nor_less_work() {
        let cost = |m, t| Cost::try_new(m, t, 1).unwrap();
        assert!(cost(65_536, 1).is_at_least(cost(19_456, 2)));
        assert!(!cost(19_456, 1).is_at_least(cost(19_456, 2)));
        assert!(!cost(19_456, 2).is_at_least(cost(19_456, 3)));
        assert!(!cost(12_288, 10).is_at_least(cost(19_456, 2)));
        assert!(cost(19_456, 2).is_at_least(cost(19_456, 2)));
    }
}
