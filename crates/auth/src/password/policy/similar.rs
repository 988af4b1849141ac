use super::common::{normal, plain};

/// How many letters and digits beside what everybody knows do not make a password: a year.
const BESIDE: usize = 4;

/// The shortest word that is taken out of a password, so that `an` and `de` do not eat it up.
const WORD: usize = 3;

pub(super) fn of_username(key: &str) -> Vec<String> {
    let mut words = parts(key);
    // Also a name that is shorter than any word.
    words.push(only_letters(key));
    words
}

pub(super) fn of_email(key: &str) -> Vec<String> {
    let (local, domain) = key.rsplit_once('@').unwrap_or((key, ""));
    let mut words = parts(local);
    words.push(only_letters(local));
    // All of the domain, and its names without the last, which says little.
    words.push(only_letters(domain));
    let (names, _) = domain.rsplit_once('.').unwrap_or((domain, ""));
    words.extend(parts(names));
    words
}

pub(super) fn of_display_name(name: &str) -> Vec<String> {
    parts(name)
}

fn parts(text: &str) -> Vec<String> {
    let text = normal(text);
    let words = text.split(|c: char| !c.is_alphanumeric());
    words
        .filter(|word| word.chars().count() >= WORD)
        .map(str::to_owned)
        .collect()
}

fn only_letters(text: &str) -> String {
    normal(text)
        .chars()
        .filter(|c| c.is_alphanumeric())
        .collect()
}

/// Whether a password is one or several of these words, forwards or backwards, with hardly
/// anything beside them.
pub(super) fn is_hardly_more_than(words: &[String], password: &str) -> bool {
    let text = normal(password);
    [only_letters(&text), only_letters(&plain(&text))]
        .into_iter()
        .any(|text| {
            let backwards: String = text.chars().rev().collect();
            is_made_of(words, &text) || is_made_of(words, &backwards)
        })
}

fn is_made_of(words: &[String], text: &str) -> bool {
    let mut words: Vec<&String> = words.iter().filter(|word| !word.is_empty()).collect();
    // The longest first, so that a part does not break the whole.
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    let rest = words
        .iter()
        .fold(text.to_owned(), |rest, word| rest.replace(*word, ""));
    rest.len() < text.len() && rest.chars().count() <= BESIDE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_word_does_not_eat_up_a_password() {
        let words = of_display_name("An de Li");
        assert!(words.is_empty());
        assert!(!is_hardly_more_than(&words, "andelidelian"));
        assert!(is_hardly_more_than(&of_username("li"), "lilililililili"));
    }

    #[test]
    fn nothing_known_is_like_nothing() {
        for words in [of_username(""), of_email(""), of_display_name("")] {
            assert!(!is_hardly_more_than(&words, "correct horse"));
            assert!(!is_hardly_more_than(&words, "!!!!"));
        }
    }

    #[test]
    fn a_few_characters_beside_the_name_are_hardly_more() {
        let words = of_username("matthew");
        assert!(is_hardly_more_than(&words, "matthew1984!"));
        assert!(!is_hardly_more_than(&words, "matthew19841"));
    }
}
