use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::VerifyError;
use super::text::Text;

/// A claim as it stands there. A wrong type does not stop the reading, so that the refusal can
/// name the first rule that the token breaks.
#[derive(Debug, Default)]
pub(super) enum Claim<T> {
    /// Left out, or `null`.
    #[default]
    Absent,
    Bad,
    Good(T),
}

impl<T> Claim<T> {
    pub(super) fn required(&self, name: &'static str) -> Result<&T, VerifyError> {
        self.optional(name)?.ok_or(VerifyError::MissingClaim(name))
    }

    pub(super) fn optional(&self, name: &'static str) -> Result<Option<&T>, VerifyError> {
        match self {
            Self::Absent => Ok(None),
            Self::Bad => Err(VerifyError::BadClaim(name)),
            Self::Good(value) => Ok(Some(value)),
        }
    }
}

/// What a claim can be made of; everything else is of the wrong type.
pub(super) trait Value<'de>: Sized {
    fn of_text(_: Text<'de>) -> Option<Self> {
        None
    }

    fn of_number(_: f64) -> Option<Self> {
        None
    }

    fn of_texts(_: Vec<Text<'de>>) -> Option<Self> {
        None
    }
}

impl<'de: 'a, 'a> Value<'de> for Text<'a> {
    fn of_text(text: Text<'de>) -> Option<Self> {
        Some(text)
    }
}

/// A JSON number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number(pub(super) f64);

impl Value<'_> for Number {
    fn of_number(number: f64) -> Option<Self> {
        Some(Self(number))
    }
}

/// The claim `aud`.
#[derive(Debug)]
pub(super) enum Audiences<'a> {
    One(Text<'a>),
    Many(Vec<Text<'a>>),
}

impl<'de: 'a, 'a> Value<'de> for Audiences<'a> {
    fn of_text(text: Text<'de>) -> Option<Self> {
        Some(Self::One(text))
    }

    fn of_texts(texts: Vec<Text<'de>>) -> Option<Self> {
        Some(Self::Many(texts))
    }
}

/// The claim `roles`.
#[derive(Debug)]
pub(super) struct RoleNames<'a>(pub(super) Vec<Text<'a>>);

impl<'de: 'a, 'a> Value<'de> for RoleNames<'a> {
    fn of_texts(texts: Vec<Text<'de>>) -> Option<Self> {
        Some(Self(texts))
    }
}

impl<'de, T: Value<'de>> Deserialize<'de> for Claim<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader(PhantomData))
    }
}

struct Reader<T>(PhantomData<T>);

impl<T> From<Option<T>> for Claim<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Bad, Self::Good)
    }
}

impl<'de, T: Value<'de>> Visitor<'de> for Reader<T> {
    type Value = Claim<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claim")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Claim<T>, E> {
        Ok(T::of_text(Text::borrowed(text)).into())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Claim<T>, E> {
        Ok(T::of_text(Text::owned(text)).into())
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "beyond 2^53 lies no calendar, and the range is checked afterwards"
    )]
    fn visit_u64<E: Error>(self, number: u64) -> Result<Claim<T>, E> {
        Ok(T::of_number(number as f64).into())
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "beyond 2^53 lies no calendar, and the range is checked afterwards"
    )]
    fn visit_i64<E: Error>(self, number: i64) -> Result<Claim<T>, E> {
        Ok(T::of_number(number as f64).into())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Claim<T>, E> {
        Ok(T::of_number(number).into())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Claim<T>, E> {
        Ok(Claim::Bad)
    }

    fn visit_unit<E: Error>(self) -> Result<Claim<T>, E> {
        Ok(Claim::Absent)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Claim<T>, A::Error> {
        let mut texts = Some(Vec::new());
        while let Some(item) = items.next_element::<Claim<Text<'de>>>()? {
            match (item, &mut texts) {
                (Claim::Good(text), Some(texts)) => texts.push(text),
                _ => texts = None,
            }
        }
        Ok(texts.and_then(T::of_texts).into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Claim<T>, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Claim::Bad)
    }
}
