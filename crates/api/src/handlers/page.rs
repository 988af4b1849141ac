//! Lists in parts, told apart by a cursor, so that what comes and goes meanwhile shifts nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::error::ApiError;

/// How many entries a page has unless asked otherwise.
const USUAL: u32 = 50;

/// How many it may be asked to have.
const MOST: u32 = 200;

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Where the next part begins: what `after` wants to be then. `null` after the last.
    pub next: Option<String>,
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// At most so many entries, 1 to 200; 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
    /// The `next` of the part before.
    pub after: Option<String>,
}

impl PageQuery {
    /// How many entries.
    ///
    /// # Errors
    /// [`ApiError::Malformed`] outside the limits.
    pub fn limit(&self) -> Result<u32, ApiError> {
        match self.limit.unwrap_or(USUAL) {
            limit @ 1..=MOST => Ok(limit),
            _ => Err(ApiError::Malformed(format!("The limit is 1 to {MOST}"))),
        }
    }

    /// What the cursor says of the entry after which this part begins.
    ///
    /// # Errors
    /// [`ApiError::Malformed`] unless [`Page::of`] made it for a list of this `kind`.
    pub fn after(&self, kind: char) -> Result<Option<String>, ApiError> {
        let Some(after) = &self.after else {
            return Ok(None);
        };
        let read = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(after).ok()?).ok()?;
            let text = text.strip_prefix(kind).filter(|text| !text.contains('\0'));
            text.map(str::to_owned)
        };
        read().map(Some).ok_or_else(no_cursor)
    }

    /// The same, of a list whose entries are told apart by a number.
    ///
    /// # Errors
    /// [`ApiError::Malformed`] as above.
    pub fn after_number(&self, kind: char) -> Result<Option<i64>, ApiError> {
        let number = self.after(kind)?.map(|text| text.parse());
        number.transpose().map_err(|_| no_cursor())
    }
}

fn no_cursor() -> ApiError {
    ApiError::Malformed("The value of after has to be the next of the same list".to_owned())
}

impl<T> Page<T> {
    /// The first `limit` of `found`, which holds one more if there is a next part. `cursor` says
    /// what tells an entry from the others of a list of this `kind`.
    pub fn of<E>(
        mut found: Vec<E>,
        limit: u32,
        kind: char,
        cursor: impl FnOnce(&E) -> String,
    ) -> Self
    where
        T: From<E>,
    {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let is_last = found.len() <= limit;
        found.truncate(limit);
        let last = found.last().filter(|_| !is_last);
        let next = last.map(|last| URL_SAFE_NO_PAD.encode(format!("{kind}{}", cursor(last))));
        Self {
            items: found.into_iter().map(T::from).collect(),
            next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(after: Option<String>) -> PageQuery {
        PageQuery { limit: None, after }
    }

    #[test]
    fn a_cursor_is_good_for_its_own_kind_of_list() {
        let page: Page<i64> = Page::of(vec![1_i64, 2, 3], 2, 'n', ToString::to_string);
        assert_eq!(page.items, [1, 2]);
        assert!(page.next.is_some());
        assert_eq!(query(page.next.clone()).after_number('n').unwrap(), Some(2));
        assert!(query(page.next).after_number('u').is_err());
        for bad in ["", "x", "bm90YW51bWJlcg", "%"] {
            assert!(
                query(Some(bad.to_owned())).after_number('n').is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_cursor_with_a_nul_is_none() {
        for text in ["u\0", "uada\0", "u\0\0"] {
            let after = URL_SAFE_NO_PAD.encode(text);
            assert!(query(Some(after)).after('u').is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_last_part_has_no_next() {
        let page: Page<i64> = Page::of(vec![1_i64, 2], 2, 'n', ToString::to_string);
        assert_eq!((page.items.len(), page.next), (2, None));
    }

    #[test]
    fn a_part_is_neither_empty_nor_everything() {
        for (limit, is_fine) in [(0, false), (1, true), (200, true), (201, false)] {
            let query = PageQuery {
                limit: Some(limit),
                after: None,
            };
            assert_eq!(query.limit().is_ok(), is_fine, "{limit}");
        }
    }
}
