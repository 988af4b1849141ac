//! What was measured, by name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One quantity, measured once a round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    /// Of the samples.
    pub(crate) median: f64,
    /// What the number counts.
    pub(crate) unit: String,
    /// In the order of the rounds.
    pub(crate) samples: Vec<f64>,
}

/// All of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Figures(BTreeMap<String, Figure>);

impl Figures {
    /// Adds what a round gave.
    pub(crate) fn add(&mut self, name: &str, unit: &str, value: f64) {
        let figure = self.0.entry(name.to_owned()).or_insert_with(|| Figure {
            median: value,
            unit: unit.to_owned(),
            samples: Vec::new(),
        });
        figure.samples.push(value);
        figure.median = median(&figure.samples).unwrap_or(value);
    }

    /// The median of a quantity, if it was measured.
    pub(crate) fn median(&self, name: &str) -> Option<f64> {
        self.0.get(name).map(|figure| figure.median)
    }

    /// The median of the ratios, round by round: what slows the machine down for a while slows
    /// down both sides of a round.
    pub(crate) fn ratio(&self, of: &str, to: &str) -> Option<f64> {
        let (of, to) = (self.0.get(of)?, self.0.get(to)?);
        let pairs = of.samples.iter().zip(&to.samples);
        median(&pairs.map(|(of, to)| of / to).collect::<Vec<_>>())
    }

    /// Takes over another's figures, in the place of one's own of the same name.
    pub(crate) fn replace_with(&mut self, other: &Self) {
        self.0.extend(other.0.clone());
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Figure)> {
        self.0.iter().map(|(name, figure)| (name.as_str(), figure))
    }
}

/// The middle one; of two in the middle, what is between them.
pub(crate) fn median(samples: &[f64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(*sorted.get(middle - 1)?, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn a_ratio_compares_what_was_measured_in_the_same_round() {
        let mut figures = Figures::default();
        // The machine was half as fast in the second round.
        for (ours, limit) in [(90.0, 100.0), (45.0, 50.0), (91.0, 100.0)] {
            figures.add("ours", "1/s", ours);
            figures.add("limit", "1/s", limit);
        }
        assert_eq!(figures.ratio("ours", "limit"), Some(0.9));
        assert_eq!(figures.median("ours"), Some(90.0));
        assert_eq!(figures.ratio("ours", "nobody's"), None);
    }

    #[test]
    fn later_figures_take_the_place_of_earlier_ones() {
        let (mut old, mut new) = (Figures::default(), Figures::default());
        old.add("a", "s", 1.0);
        old.add("b", "s", 1.0);
        new.add("b", "s", 2.0);
        old.replace_with(&new);
        assert_eq!((old.median("a"), old.median("b")), (Some(1.0), Some(2.0)));
    }
}
