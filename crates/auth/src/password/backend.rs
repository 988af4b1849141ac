use std::fmt;

/// Which code computes argon2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Backend {
    /// The faster one where it is compiled in (feature `accelerated`) and proves itself at start-up,
    /// the reference elsewhere.
    #[default]
    Auto,
    /// `argon2` of `RustCrypto`, whatever else there is.
    Reference,
}

/// The code that computes argon2 in a running [`Passwords`](super::Passwords).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InUse {
    /// `argon2-rust`, with the vector instructions named.
    Accelerated(&'static str),
    /// `argon2` of `RustCrypto`, as wished, or because nothing else is compiled in.
    Reference,
    /// `argon2` of `RustCrypto`, because the other did not compute the same at start-up: worth an
    /// alarm.
    Refused,
}

impl fmt::Display for InUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accelerated(instructions) => write!(f, "accelerated ({instructions})"),
            Self::Reference => f.write_str("reference"),
            Self::Refused => f.write_str("reference (the accelerated one computes wrong tags)"),
        }
    }
}

impl Backend {
    /// Decides, after the faster one has been put to the test.
    pub(super) fn choose(self) -> InUse {
        match self {
            #[cfg(feature = "accelerated")]
            Self::Auto if proof::holds() => InUse::Accelerated(proof::instructions()),
            #[cfg(feature = "accelerated")]
            Self::Auto => InUse::Refused,
            #[cfg(not(feature = "accelerated"))]
            Self::Auto => InUse::Reference,
            Self::Reference => InUse::Reference,
        }
    }
}

#[cfg(feature = "accelerated")]
mod proof {
    use argon2::{Algorithm, Version};
    use password_hash::phc::Salt;

    use super::InUse;
    use crate::password::arena::{Arena, Input};
    use crate::password::{Cost, PasswordError};

    use Algorithm::{Argon2d, Argon2i, Argon2id};
    use Version::{V0x10, V0x13};

    /// Tags of the reference implementation in C, as Debian has it, for each kind and version, with
    /// one lane and with two:
    /// `echo -n password | argon2 somesalt -id -v 13 -k 256 -t 2 -p 2 -l 16 -r`, and so on.
    const FIXED: [(Algorithm, Version, u32, u128); 12] = [
        (Argon2d, V0x10, 1, 0x47a1_dc21_98a7_c59c_e03e_ae7c_21b1_53c9),
        (Argon2d, V0x10, 2, 0x2a47_0fa0_0b8e_ae6c_4210_6a5a_0011_ea8f),
        (Argon2d, V0x13, 1, 0xbe91_e6ce_c899_8165_f340_5b61_0166_32c7),
        (Argon2d, V0x13, 2, 0xa8ab_e588_59da_a5ac_81f2_aa49_abf9_fa0c),
        (Argon2i, V0x10, 1, 0x2c11_b37d_8e0e_a5e2_43f4_1e9b_b4ed_8843),
        (Argon2i, V0x10, 2, 0xd06f_ec8b_ee90_c554_183b_8d95_97e7_d9bd),
        (Argon2i, V0x13, 1, 0xe290_025c_7570_c773_362c_7308_b4e0_62b1),
        (Argon2i, V0x13, 2, 0xea8d_d74b_d51a_f077_b6f4_4977_71ce_af91),
        (
            Argon2id,
            V0x10,
            1,
            0x841b_3197_c3be_8a87_18a4_136e_78c0_75ab,
        ),
        (
            Argon2id,
            V0x10,
            2,
            0xb31e_d63a_f690_94a4_a445_87da_0859_7257,
        ),
        (
            Argon2id,
            V0x13,
            1,
            0xe24d_f64b_9774_2be4_5329_300a_eae1_ca35,
        ),
        (
            Argon2id,
            V0x13,
            2,
            0x3ca1_5f20_7978_ab2b_d83b_41f6_d8e5_3808,
        ),
    ];

    /// How many inputs are made by chance. Milliseconds together.
    const RANDOM: usize = 24;

    pub(super) fn instructions() -> &'static str {
        match argon2_rust::detected_backend() {
            argon2_rust::Backend::Avx512 => "avx512",
            argon2_rust::Backend::Avx2 => "avx2",
            argon2_rust::Backend::Sse2 => "sse2",
            argon2_rust::Backend::Neon => "neon",
            argon2_rust::Backend::Scalar => "scalar",
            _ => "other",
        }
    }

    pub(super) fn holds() -> bool {
        let mut accelerated = Arena::new(Cost::OWASP, InUse::Accelerated(""));
        agrees(|input, tag| accelerated.argon2(input, tag))
    }

    /// Whether a candidate computes what the reference does, for fixed inputs and for inputs that
    /// nobody knew before.
    pub(super) fn agrees(
        mut candidate: impl FnMut(&Input, &mut [u8]) -> Result<(), PasswordError>,
    ) -> bool {
        let fixed = FIXED
            .into_iter()
            .all(|(algorithm, version, lanes, expected)| {
                let Ok(cost) = Cost::try_new(256, 2, lanes) else {
                    return false;
                };
                let input = Input {
                    algorithm,
                    version,
                    cost,
                    password: b"password",
                    salt: b"somesalt",
                    secret: &[],
                };
                let mut tag = [0; 16];
                candidate(&input, &mut tag).is_ok() && tag == expected.to_be_bytes()
            });
        let mut reference = Arena::new(Cost::OWASP, InUse::Reference);
        fixed && (0..RANDOM).all(|_| same(&mut reference, &mut candidate))
    }

    fn same(
        reference: &mut Arena,
        candidate: &mut impl FnMut(&Input, &mut [u8]) -> Result<(), PasswordError>,
    ) -> bool {
        let (chance, password, secret) = (Salt::generate(), Salt::generate(), Salt::generate());
        let (lanes, passes) = (1 + u32::from(chance[0] % 4), 1 + u32::from(chance[1] % 3));
        let Ok(cost) = Cost::try_new(8 * lanes + u32::from(chance[2]), passes, lanes) else {
            return false;
        };
        let input = Input {
            algorithm: [Argon2d, Argon2i, Argon2id][usize::from(chance[3] % 3)],
            version: [V0x10, V0x13][usize::from(chance[4] % 2)],
            cost,
            password: &password.repeat(8)[usize::from(chance[5] / 2)..],
            salt: &chance,
            secret: &secret[..usize::from(chance[6] % 17)],
        };
        let bytes = 16 + usize::from(chance[7] % 49);
        let (mut ours, mut theirs) = ([0; 64], [0; 64]);
        reference.argon2(&input, &mut ours[..bytes]).is_ok()
            && candidate(&input, &mut theirs[..bytes]).is_ok()
            && ours == theirs
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_reference_agrees_with_itself_and_the_fixed_tags() {
            let mut arena = Arena::new(Cost::OWASP, InUse::Reference);
            assert!(agrees(|input, tag| arena.argon2(input, tag)));
        }

        #[test]
        fn whoever_computes_anything_else_is_refused() {
            let mut arena = Arena::new(Cost::OWASP, InUse::Reference);
            // Right but for one bit of one kind of input, as a broken vector unit may be.
            let mut wrong_for = |broken: fn(&Input) -> bool| {
                agrees(|input, tag| {
                    arena.argon2(input, tag)?;
                    tag[15] ^= u8::from(broken(input));
                    Ok(())
                })
            };
            assert!(wrong_for(|_| false));
            assert!(!wrong_for(|_| true));
            assert!(!wrong_for(|input| input.version == V0x10));
            assert!(!wrong_for(|input| input.algorithm == Argon2d));
            assert!(!wrong_for(|input| input.cost.parallelism() > 1));
            assert!(!wrong_for(|input| !input.secret.is_empty()));
            assert!(!agrees(|_, _| Err(PasswordError::Internal)));
            assert!(!agrees(|_, _| Ok(())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_is_used_when_asked_for() {
        assert_eq!(Backend::Reference.choose(), InUse::Reference);
    }

    #[cfg(feature = "accelerated")]
    #[test]
    fn the_accelerated_one_proves_itself_here() {
        assert!(matches!(Backend::Auto.choose(), InUse::Accelerated(name) if name != "other"));
    }
}
