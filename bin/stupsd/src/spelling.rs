//! What somebody may have meant.

/// How much two names may differ to be the same one, misspelt: 1 is equality.
const NEAR: f64 = 0.8;

/// The known name nearest to what was written, as `, did you mean x?`; nothing when none is near.
pub(crate) fn hint<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let nearest = known
        .into_iter()
        .map(|name| (likeness(written, name), name))
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    match nearest {
        Some((likeness, name)) if likeness >= NEAR => format!(", did you mean {name}?"),
        _ => String::new(),
    }
}

/// From 0, nothing in common, to 1. Two letters that changed places are one slip of a finger, also in a short name.
fn likeness(written: &str, name: &str) -> f64 {
    if strsim::osa_distance(written, name) <= 1 {
        1.0
    } else {
        strsim::jaro_winkler(written, name)
    }
}

/// The names between backquotes in what serde says about an unknown field: the field, then those that it expected.
pub(crate) fn quoted(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_when_it_is_near() {
        assert_eq!(hint("databse", ["listen", "database"]), ", did you mean database?");
        assert_eq!(hint("koi", ["identity", "kio"]), ", did you mean kio?");
        assert_eq!(hint("xyz", ["listen", "database"]), "");
        assert_eq!(hint("x", []), "");
    }

    #[test]
    fn names_are_taken_from_serdes_message() {
        assert_eq!(quoted("unknown field `a`, expected one of `b`, `c`"), ["a", "b", "c"]);
    }
}
