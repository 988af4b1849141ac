//! The accelerated argon2 against the reference: the same tags, or it is not used.
#![cfg(feature = "accelerated")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use argon2::{Algorithm, Argon2, ParamsBuilder, Version};
use argon2_rust::params::{Memory, TagLen};
use proptest::prelude::*;

#[derive(Debug)]
struct Input {
    algorithm: u8,
    old: bool,
    memory_kib: u32,
    iterations: u32,
    lanes: u32,
    password: Vec<u8>,
    salt: Vec<u8>,
    secret: Vec<u8>,
    bytes: usize,
}

fn input() -> impl Strategy<Value = Input> {
    let cost =
        (1..=8_u32).prop_flat_map(|lanes| (8 * lanes..8 * lanes + 300, 1..=4_u32, Just(lanes)));
    let bytes = |range| prop::collection::vec(any::<u8>(), range);
    let texts = (bytes(0..300), bytes(8..65), bytes(0..40), 4..=64_usize);
    (0..3_u8, any::<bool>(), cost, texts).prop_map(
        |(algorithm, old, (memory_kib, iterations, lanes), (password, salt, secret, bytes))| {
            Input {
                algorithm,
                old,
                memory_kib,
                iterations,
                lanes,
                password,
                salt,
                secret,
                bytes,
            }
        },
    )
}

fn reference(input: &Input) -> Vec<u8> {
    let algorithm =
        [Algorithm::Argon2d, Algorithm::Argon2i, Algorithm::Argon2id][usize::from(input.algorithm)];
    let version = [Version::V0x13, Version::V0x10][usize::from(input.old)];
    let params = ParamsBuilder::new()
        .m_cost(input.memory_kib)
        .t_cost(input.iterations)
        .p_cost(input.lanes)
        .output_len(input.bytes)
        .build()
        .unwrap();
    let mut tag = vec![0; input.bytes];
    Argon2::new_with_secret(&input.secret, algorithm, version, params)
        .unwrap()
        .hash_password_into(&input.password, &input.salt, &mut tag)
        .unwrap();
    tag
}

/// Through one kept `Hasher`, as the engine does: what one input leaves behind must not show in
/// the next.
fn accelerated(hasher: &mut argon2_rust::Hasher, input: &Input) -> Vec<u8> {
    let params = argon2_rust::Params::builder()
        .memory(Memory::kib(u64::from(input.memory_kib)))
        .passes(input.iterations)
        .lanes(input.lanes)
        .threads(1)
        .tag_len(TagLen::bytes(input.bytes as u64))
        .build()
        .unwrap();
    let algorithm = argon2_rust::Algorithm::ALL[usize::from(input.algorithm)];
    let version =
        [argon2_rust::Version::V0x13, argon2_rust::Version::V0x10][usize::from(input.old)];
    hasher.set_argon2(argon2_rust::Argon2::new(algorithm, version, params));
    hasher
        .hash_with_ad(&input.password, &input.salt, &input.secret, &[])
        .unwrap()
}

#[test]
fn thousands_of_inputs_give_the_same_tags() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(4000)
    });
    let hasher = argon2_rust::Argon2::new(
        argon2_rust::Algorithm::Argon2id,
        argon2_rust::Version::V0x13,
        argon2_rust::Params::default(),
    );
    let hasher = std::cell::RefCell::new(hasher.hasher());
    runner
        .run(&input(), |input| {
            let theirs = accelerated(&mut hasher.borrow_mut(), &input);
            prop_assert_eq!(reference(&input), theirs);
            Ok(())
        })
        .unwrap();
}

/// At the sizes of production, too, where the memory is another kind.
#[test]
fn the_usual_costs_give_the_same_tags() {
    let mut hasher = argon2_rust::Argon2::new(
        argon2_rust::Algorithm::Argon2id,
        argon2_rust::Version::V0x13,
        argon2_rust::Params::default(),
    )
    .hasher();
    for (memory_kib, iterations, lanes) in [
        (19_456, 2, 1),
        (47_104, 1, 1),
        (65_536, 3, 4),
        (102_400, 2, 8),
        (7_168, 5, 1),
    ] {
        for algorithm in 0..3 {
            let input = Input {
                algorithm,
                old: false,
                memory_kib,
                iterations,
                lanes,
                password: b"correct horse battery staple".to_vec(),
                salt: b"sixteen bytes of".to_vec(),
                secret: Vec::new(),
                bytes: 32,
            };
            assert_eq!(
                reference(&input),
                accelerated(&mut hasher, &input),
                "{input:?}"
            );
        }
    }
}
