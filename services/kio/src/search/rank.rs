//! How well a document matches: PostgreSQL's cover density ranking, which for one word is the sum of its weights.

use super::document::Position;

/// An occurrence of a query word in the document.
#[derive(Clone, Copy, Debug)]
struct Occurrence {
    position: Position,
    /// which query word
    word: usize,
}

/// A shortest stretch of a document that has every query word: indices of its first and last occurrence.
#[derive(Clone, Copy, Debug)]
struct Cover {
    first: usize,
    last: usize,
}

/// The rank of a document with these positions of the query's words, one list per word; 0 if one is empty.
///
/// Each cover counts for the harmonic mean of the weights in it, divided by one more than the number of other words inside.
pub(super) fn rank(words: &[Vec<Position>]) -> f32 {
    let mut occurrences: Vec<Occurrence> = words
        .iter()
        .enumerate()
        .flat_map(|(word, positions)| {
            positions.iter().map(move |position| Occurrence {
                position: *position,
                word,
            })
        })
        .collect();
    occurrences.sort_by_key(|occurrence| (occurrence.position.at, occurrence.word));

    let mut rank = 0.0;
    let mut start = 0;
    while let Some(cover) = next_cover(&occurrences, words.len(), start) {
        rank += density(occurrences.get(cover.first..=cover.last).unwrap_or_default());
        start = cover.first + 1;
    }
    rank as f32
}

/// The cover that ends first at or after `start`, as short as it can be.
fn next_cover(occurrences: &[Occurrence], words: usize, start: usize) -> Option<Cover> {
    let last = complete(occurrences.iter().enumerate().skip(start), words)?;
    let first = complete(occurrences.iter().enumerate().take(last + 1).skip(start).rev(), words)?;
    Some(Cover { first, last })
}

/// The index at which all the words have been met.
fn complete<'a>(occurrences: impl Iterator<Item = (usize, &'a Occurrence)>, words: usize) -> Option<usize> {
    let mut met = vec![false; words];
    let mut missing = words;
    for (index, occurrence) in occurrences {
        let met = met.get_mut(occurrence.word)?;
        missing -= usize::from(!*met);
        *met = true;
        if missing == 0 {
            return Some(index);
        }
    }
    None
}

fn density(cover: &[Occurrence]) -> f64 {
    let (Some(first), Some(last)) = (cover.first(), cover.last()) else {
        return 0.0;
    };
    let inverse: f64 = cover
        .iter()
        .map(|occurrence| 1.0 / occurrence.position.weight.value())
        .sum();
    let more = cover.len() - 1;
    let distance = (last.position.at - first.position.at) as usize;
    // Many words at the last position that is kept: half of the cover is taken for other words.
    let noise = distance.checked_sub(more).unwrap_or(more / 2);
    cover.len() as f64 / inverse / (1 + noise) as f64
}

#[cfg(test)]
mod tests {
    use super::super::document::{document, query};
    use super::*;

    fn rank_of(fields: [&str; 4], search: &str) -> f32 {
        let [id, name, subtitle, description] = fields;
        let document = document(id, name, subtitle, description);
        let words: Vec<Vec<Position>> = query(search)
            .iter()
            .map(|word| document.get(word).cloned().unwrap_or_default())
            .collect();
        rank(&words)
    }

    const KIO: [&str; 4] = [
        "kio",
        "Kio",
        "STUPS application registry",
        "Manages all *application* base information.",
    ];
    const PIERONE: [&str; 4] = [
        "pierone",
        "Pier One",
        "Docker registry",
        "Registry for Docker images. See https://pierone.example.org/foo",
    ];
    const ORDER_ENGINE: [&str; 4] = [
        "order-engine",
        "Order Engine",
        "Orders",
        "The engine that manages orders",
    ];

    #[test]
    fn ranks_are_postgresqls() {
        for (fields, search, expected) in [
            (KIO, "kio", 1.4),
            (KIO, "management", 0.1),
            (KIO, "registry", 0.2),
            (PIERONE, "registry", 0.3),
            (PIERONE, "registry docker", 0.25),
            (KIO, "registry | kio", 0.088_888_89),
            (PIERONE, "\"pier one\"", 0.4),
            (ORDER_ENGINE, "orders", 1.7),
            (ORDER_ENGINE, "engine", 1.5),
            (ORDER_ENGINE, "order-engine", 1.0),
            (["my-app2", "My App", "", ""], "my-app2", 0.5),
            (KIO, "stups application", 0.2),
        ] {
            let rank = rank_of(fields, search);
            assert!((rank - expected).abs() < 1e-6, "{search}: {rank}");
        }
    }

    #[test]
    fn a_missing_word_is_no_match() {
        assert!(rank_of(KIO, "kio docker").abs() < f32::EPSILON);
        assert!(rank_of(["the", "The", "", ""], "kio").abs() < f32::EPSILON);
    }
}
