//! The query parameters of the list of applications.

use std::collections::BTreeMap;

use serde_json::Value;
use stups_api::strict::{self, Attribute, Invalid, Kind};
use stups_server::Error;

use crate::model::list::{Filter, IncidentContact, Page};
use crate::search::{Place, Search};

const MODIFIED_BEFORE: Attribute = Attribute::optional("modified_before", Kind::DateTime);
const MODIFIED_AFTER: Attribute = Attribute::optional("modified_after", Kind::DateTime);
const TEAM_ID: Attribute = Attribute::optional("team_id", Kind::String);
const INCIDENT_CONTACT: Attribute = Attribute::optional("incident_contact", Kind::String);
const WITHOUT_INCIDENT_CONTACT: Attribute = Attribute::optional("without_incident_contact", Kind::Boolean);
const ACTIVE: Attribute = Attribute::optional("active", Kind::Boolean);
const SEARCH: Attribute = Attribute::optional("search", Kind::String);
const SEARCH_PREFIX: Attribute = Attribute::optional("search_prefix", Kind::String);
const LIMIT: Attribute = Attribute::optional("limit", Kind::Integer(1, 1000));
const CURSOR: Attribute = Attribute::optional("cursor", Kind::String);

/// So many different words can be searched for at once.
const MOST_WORDS: usize = 20;

/// A search finds so many of the best matches unless the caller says otherwise: a word that every application has would
/// answer the whole registry, each entry with an excerpt. The rest is behind the `Link` header.
pub(super) const BEST_MATCHES: u64 = 100;

/// Query parameters as they were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Parameters(pub(super) BTreeMap<String, String>);

/// For the documentation: [`Parameters`] is what reads them.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the derived documentation is what it is for")]
pub(super) struct Documented {
    /// Changed last at this moment or before: a date, or a date and a time, as ISO 8601 has them.
    #[param(example = "2026-01-31T12:30:00Z")]
    modified_before: Option<String>,
    /// Changed last at this moment or after.
    #[param(example = "2026-01-31")]
    modified_after: Option<String>,
    /// Owned by this team.
    team_id: Option<String>,
    /// With exactly this incident contact.
    incident_contact: Option<String>,
    /// Only those without an incident contact. Not together with `incident_contact`.
    without_incident_contact: Option<bool>,
    /// Only active ones, or only inactive ones.
    active: Option<bool>,
    /// Only those with all these words in id, name, subtitle or description, by descending rank.
    search: Option<String>,
    /// As `search`, but words only have to begin so. Not together with `search`.
    search_prefix: Option<String>,
    /// No more than so many; the `Link` header of the answer has the address of the next ones. Without it a search answers the
    /// 100 best matches, and a list is whole.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u16>,
    /// Where to go on, from a `Link` header.
    cursor: Option<String>,
}

impl Parameters {
    pub(super) fn filter(&self) -> Result<Filter, Error> {
        let without = self.boolean(&WITHOUT_INCIDENT_CONTACT)? == Some(true);
        let incident_contact = match (self.text(&INCIDENT_CONTACT)?, without) {
            (Some(_), true) => return Err(self.excluded(&WITHOUT_INCIDENT_CONTACT, &INCIDENT_CONTACT)),
            (None, true) => Some(IncidentContact::Missing),
            (Some(contact), false) => Some(IncidentContact::Is(contact)),
            (None, false) => None,
        };
        Ok(Filter {
            modified_before: self.number(&MODIFIED_BEFORE)?,
            modified_after: self.number(&MODIFIED_AFTER)?,
            team_id: self.text(&TEAM_ID)?,
            incident_contact,
            active: self.boolean(&ACTIVE)?,
        })
    }

    pub(super) fn search(&self) -> Result<Option<Search>, Error> {
        let (parameter, search) = match (self.text(&SEARCH)?, self.text(&SEARCH_PREFIX)?) {
            (Some(_), Some(_)) => return Err(self.excluded(&SEARCH_PREFIX, &SEARCH)),
            (Some(text), None) => (SEARCH, Search::Words(text)),
            (None, Some(text)) => (SEARCH_PREFIX, Search::Prefixes(text)),
            (None, None) => return Ok(None),
        };
        if search.words() > MOST_WORDS {
            return Err(self.refused(&parameter, format!("it has more than {MOST_WORDS} different words")));
        }
        Ok(Some(search))
    }

    /// The part of a list by id.
    pub(super) fn page(&self) -> Result<Page<String>, Error> {
        Ok(Page {
            limit: self.limit()?,
            after: self.text(&CURSOR)?,
        })
    }

    /// The part of a list by rank.
    pub(super) fn ranked_page(&self) -> Result<Page<Place>, Error> {
        let cursor = self.text(&CURSOR)?;
        let after =
            cursor.map(|cursor| place(&cursor).ok_or_else(|| self.refused(&CURSOR, "it is no cursor of a search")));
        Ok(Page {
            limit: Some(self.limit()?.unwrap_or(BEST_MATCHES)),
            after: after.transpose()?,
        })
    }

    /// The address of what follows the place that `cursor` names.
    pub(super) fn next_link(&self, cursor: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.0.iter().filter(|(name, _)| *name != "cursor"));
        query.append_pair("cursor", cursor);
        format!("</apps?{}>; rel=\"next\"", query.finish())
    }

    fn limit(&self) -> Result<Option<u64>, Error> {
        Ok(self.number(&LIMIT)?.and_then(|limit| u64::try_from(limit).ok()))
    }

    fn value(&self, parameter: &Attribute) -> Result<Option<Value>, Error> {
        let Some(text) = self.0.get(parameter.name) else {
            return Ok(None);
        };
        Ok(Some(strict::text("query", parameter, text)?))
    }

    fn text(&self, parameter: &Attribute) -> Result<Option<String>, Error> {
        Ok(self
            .value(parameter)?
            .and_then(|value| value.as_str().map(str::to_owned)))
    }

    fn boolean(&self, parameter: &Attribute) -> Result<Option<bool>, Error> {
        Ok(self.value(parameter)?.and_then(|value| value.as_bool()))
    }

    fn number(&self, parameter: &Attribute) -> Result<Option<i64>, Error> {
        Ok(self.value(parameter)?.and_then(|value| value.as_i64()))
    }

    fn excluded(&self, parameter: &Attribute, by: &Attribute) -> Error {
        self.refused(parameter, format!("{} is given too", by.name))
    }

    fn refused(&self, parameter: &Attribute, reason: impl Into<String>) -> Error {
        let value = self.0.get(parameter.name).cloned().unwrap_or_default();
        Invalid::new(
            &value.into(),
            format!("query->{}", parameter.name),
            false,
            "string",
            reason,
        )
        .into()
    }
}

/// The cursor of a place: the rank to the last bit, and the id.
pub(super) fn cursor(place: &Place) -> String {
    format!("{:08x}.{}", place.rank.to_bits(), place.id)
}

fn place(cursor: &str) -> Option<Place> {
    let (rank, id) = cursor.split_once('.')?;
    let rank = f32::from_bits(u32::from_str_radix(rank, 16).ok()?);
    rank.is_finite().then(|| Place {
        rank,
        id: id.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(pairs: &[(&str, &str)]) -> Parameters {
        Parameters(
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let kio = Place {
            rank: 0.088_888_89,
            id: "kio".to_owned(),
        };
        assert_eq!(place(&cursor(&kio)), Some(kio));
        for text in ["", "kio", "zz.kio", "7f800000.kio"] {
            assert_eq!(place(text), None, "{text}");
        }
    }

    #[test]
    fn booleans_and_times_are_lenient() {
        for (text, active) in [
            ("true", true),
            ("TRUE", true),
            ("", false),
            ("1", false),
            ("false", false),
        ] {
            assert_eq!(parameters(&[("active", text)]).filter().unwrap().active, Some(active));
        }
        let filter = parameters(&[
            ("modified_after", "2017-07-14"),
            ("modified_before", "2017-07-14T02:40:00.5+00:00"),
        ])
        .filter()
        .unwrap();
        assert_eq!(
            (filter.modified_after, filter.modified_before),
            (Some(1_499_990_400_000), Some(1_500_000_000_500))
        );
    }

    #[test]
    fn what_excludes_each_other_is_refused() {
        let both = [("incident_contact", "sre"), ("without_incident_contact", "true")];
        assert_eq!(parameters(&both).filter().unwrap_err().status, 400);
        let both = [("search", "a"), ("search_prefix", "b")];
        assert_eq!(parameters(&both).search().unwrap_err().status, 400);
        let words: Vec<String> = (0..21).map(|number| format!("w{number}")).collect();
        assert_eq!(
            parameters(&[("search", &words.join(" "))]).search().unwrap_err().status,
            400
        );
    }

    #[test]
    fn the_next_link_keeps_what_was_asked_for() {
        let asked = parameters(&[("team_id", "a b"), ("limit", "2"), ("cursor", "old")]);
        assert_eq!(
            asked.next_link("x y"),
            "</apps?limit=2&team_id=a+b&cursor=x+y>; rel=\"next\""
        );
    }
}
