use unicode_normalization::UnicodeNormalization;

/// Common passwords, one a line, in the form of [`normal`] and sorted by bytes: those of Django
/// 5.2 (20,000, collected by Royce Williams; `common.LICENSE`), without what [`is_common`] finds
/// by itself. `scripts/common-passwords.py` writes it.
const LIST: &str = include_str!("common.txt");

/// The shortest word that is looked for inside a password.
const WORD: usize = 4;

/// How many digits and marks around a common password do not make it uncommon: a year and an
/// exclamation mark or two.
const AROUND: usize = 6;

/// Whether many people use this password, as it is, written several times, with other digits for
/// letters, or with a few digits and marks around it.
pub(super) fn is_common(password: &str) -> bool {
    let text = normal(password);
    is_listed(&text) || is_pattern(&text) || is_decorated(&text)
}

/// The form in which passwords are compared: compatibility forms and case make no difference.
pub(super) fn normal(text: &str) -> String {
    text.trim().nfkc().flat_map(char::to_lowercase).collect()
}

/// Takes digits and marks for the letters that they look like.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '4' | '@' => 'a',
            '3' => 'e',
            '1' | '!' => 'i',
            '0' => 'o',
            '5' | '$' => 's',
            '7' => 't',
            c => c,
        })
        .collect()
}

fn is_decorated(text: &str) -> bool {
    let marks = |c: char| !c.is_alphabetic();
    // A mark at the beginning may be meant for a letter: `$ummer`.
    [text.trim_start_matches(marks), text]
        .into_iter()
        .any(|begun| {
            let core = begun.trim_end_matches(marks);
            let before = &text[..text.len() - begun.len()];
            let around = [before, &begun[core.len()..]].concat();
            let is_word = |word: &str| is_listed(word) || is_pattern(word);
            core.chars().count() >= WORD
                && (around.chars().count() <= AROUND || is_listed(&around))
                && (is_word(core) || is_word(&plain(core)))
        })
}

/// A word of the list written several times, one character all along, or the alphabet or the
/// digits in order.
fn is_pattern(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let repeats = |unit: usize| {
        chars.len() > unit
            && chars.len().is_multiple_of(unit)
            && chars.chunks(unit).all(|chunk| chunk == &chars[..unit])
    };
    let is_run = |step: fn(u32) -> u32| {
        chars.len() >= WORD && chars.windows(2).all(|pair| is_next(pair[0], pair[1], step))
    };
    repeats(1)
        || is_run(|next| next + 1)
        || is_run(|next| next.wrapping_sub(1))
        || (WORD..=chars.len() / 2)
            .filter(|unit| repeats(*unit))
            .any(|unit| is_listed(&chars[..unit].iter().collect::<String>()))
}

/// Whether one character follows another, where zero follows nine.
fn is_next(first: char, second: char, step: fn(u32) -> u32) -> bool {
    match (first.to_digit(10), second.to_digit(10)) {
        (Some(first), Some(second)) => (step(first + 10)) % 10 == second,
        (None, None) => step(u32::from(first)) == u32::from(second),
        _ => false,
    }
}

fn is_listed(word: &str) -> bool {
    let (mut low, mut high) = (0, LIST.len());
    while low < high {
        // The line around the middle: a newline is a byte of its own, also in UTF-8.
        let middle = low + (high - low) / 2;
        let begin = LIST.as_bytes()[..middle]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |newline| newline + 1);
        let line = LIST[begin..].split('\n').next().unwrap_or_default();
        match word.as_bytes().cmp(line.as_bytes()) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => high = begin,
            std::cmp::Ordering::Greater => low = begin + line.len() + 1,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_found_and_what_is_between_them_is_not() {
        for line in LIST.lines() {
            assert!(is_listed(line), "{line}");
            assert!(!is_listed(&format!("{line}\u{1}")), "{line}");
        }
        for absent in ["", "\n", "\u{10ffff}", " ", "correct horse battery staple"] {
            assert!(!is_listed(absent), "{absent:?}");
        }
    }

    #[test]
    fn the_list_is_sorted_and_in_the_form_that_is_looked_up() {
        assert!(LIST.lines().is_sorted());
        assert!(LIST.lines().count() > 12_000);
        for line in LIST.lines() {
            assert_eq!(normal(line), line);
            assert!(is_common(line));
        }
    }

    #[test]
    fn what_is_long_and_strange_around_a_common_word_makes_it_uncommon() {
        assert!(is_common("dragon-12345"));
        assert!(!is_common("dragon-9382650177"));
        assert!(!is_common("7c!dragon#kq91"));
        assert!(!is_common("dragonhorsebattery"));
        // Which repeats nothing.
        assert!(!is_common("x"));
    }

    #[test]
    fn no_length_makes_the_check_slow() {
        let begun = std::time::Instant::now();
        for text in ["a".repeat(1023) + "b", "ab1!".repeat(256), "1".repeat(1024)] {
            let _ = is_common(&text);
        }
        assert!(begun.elapsed().as_secs() < 2);
    }
}
