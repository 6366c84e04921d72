//! What the weights of a name were before a change, so that `senza rollback` finds it.
//!
//! It is kept with what is changed, in the same call: in the metadata of the record that a stack's template makes, or in the tags
//! of the listener rule. So it needs no place of its own, is there exactly when the change is, and goes with the versions.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde_json::{Map as JsonMap, Value as Json, json};
use stups_aws::Session;

use super::version::Version;
use crate::{Error, deployed};

/// Weights above zero by identifier.
pub(crate) type Weights = BTreeMap<String, i64>;

/// How many stacks are asked at the same time.
const AT_THE_SAME_TIME: usize = 8;
/// A load balancer's tags have values of up to this many characters.
const TAG_LIMIT: usize = 256;

const CHANGED_TAG: &str = "senza:changed";
const BEFORE_TAG: &str = "senza:before";
const AFTER_TAG: &str = "senza:after";
const DEPLOYMENT_TAG: &str = "senza:deployment";
const PROTECTED_TAG: &str = "senza:protected";

/// One change of a name's weights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// when the change was made
    pub(crate) changed: Timestamp,
    /// what a rollback goes back to: the weights before the change, or before the deployment that it is a step of
    pub(crate) before: Weights,
    /// the weights that the change makes
    pub(crate) after: Weights,
    /// the version whose deployment the change is a step of
    pub(crate) deployment: Option<String>,
    /// the versions that are protected against termination because they have traffic, where the change had to do with that
    pub(crate) protected: Option<BTreeSet<String>>,
}

impl Memory {
    /// Puts it into the metadata of a resource of a template. What was kept there about protection stays, if it says nothing about it.
    pub(super) fn keep_in(&self, resource: &mut JsonMap<String, Json>, domain: &str) {
        let mut kept = json!({
            "Domain": domain,
            "Changed": self.changed.to_string(),
            "Before": self.before,
            "After": self.after,
        });
        if let Some(deployment) = &self.deployment {
            kept["Deployment"] = json!(deployment);
        }
        let metadata = resource.entry("Metadata").or_insert_with(|| json!({}));
        if let Some(metadata) = metadata.as_object_mut() {
            let senza = metadata.entry("Senza").or_insert_with(|| json!({}));
            if let Some(senza) = senza.as_object_mut() {
                let before = senza.get("Traffic").and_then(|before| before.get("Protected"));
                if let Some(protected) = self
                    .protected
                    .as_ref()
                    .map(|protected| json!(protected))
                    .or_else(|| before.cloned())
                {
                    kept["Protected"] = protected;
                }
                senza.insert("Traffic".to_owned(), kept);
            }
        }
    }

    /// What a resource's metadata remembers, and of which name.
    fn kept_in(resource: &Json) -> Option<(String, Self)> {
        let kept = resource.get("Metadata")?.get("Senza")?.get("Traffic")?;
        let text = |key: &str| kept.get(key).and_then(Json::as_str);
        let weights = |key: &str| -> Option<Weights> {
            let weights = kept.get(key)?.as_object()?.iter();
            weights
                .map(|(identifier, weight)| Some((identifier.clone(), weight.as_i64()?)))
                .collect()
        };
        let memory = Self {
            changed: text("Changed")?.parse().ok()?,
            before: weights("Before")?,
            after: weights("After")?,
            deployment: text("Deployment").map(str::to_owned),
            protected: kept.get("Protected").and_then(Json::as_array).map(|protected| {
                let protected = protected.iter().filter_map(Json::as_str);
                protected.map(str::to_owned).collect()
            }),
        };
        Some((text("Domain")?.to_owned(), memory))
    }

    /// As tags of a listener rule; nothing when it is too much for them.
    pub(super) fn tags(&self) -> Option<Vec<(&'static str, String)>> {
        let mut tags = vec![
            (CHANGED_TAG, self.changed.to_string()),
            (BEFORE_TAG, in_a_tag(&self.before)),
            (AFTER_TAG, in_a_tag(&self.after)),
            // A tag without a value stands for no deployment: an older value has to go.
            (DEPLOYMENT_TAG, self.deployment.clone().unwrap_or_default()),
        ];
        // Without it, what the rule's tag says stays.
        if let Some(protected) = &self.protected {
            let protected: Vec<&str> = protected.iter().map(String::as_str).collect();
            tags.push((PROTECTED_TAG, protected.join(" ")));
        }
        let fits = tags.iter().all(|(_, value)| value.chars().count() <= TAG_LIMIT);
        fits.then_some(tags)
    }

    /// What the tags of a listener rule remember.
    pub(super) fn from_tags<'t>(tags: impl Iterator<Item = (&'t str, &'t str)>) -> Option<Self> {
        let tags: BTreeMap<&str, &str> = tags.collect();
        let deployment = tags.get(DEPLOYMENT_TAG).filter(|value| !value.is_empty());
        Some(Self {
            changed: tags.get(CHANGED_TAG)?.parse().ok()?,
            before: from_tag(tags.get(BEFORE_TAG)?)?,
            after: from_tag(tags.get(AFTER_TAG)?)?,
            deployment: deployment.map(|value| (*value).to_owned()),
            protected: tags
                .get(PROTECTED_TAG)
                .map(|value| value.split_whitespace().map(str::to_owned).collect()),
        })
    }
}

/// `app-v1=180 app-v2=20`: blanks and `=` are among the few signs that a tag may have.
fn in_a_tag(weights: &Weights) -> String {
    let words: Vec<String> = weights
        .iter()
        .map(|(identifier, weight)| format!("{identifier}={weight}"))
        .collect();
    words.join(" ")
}

fn from_tag(text: &str) -> Option<Weights> {
    text.split_whitespace()
        .map(|word| {
            let (identifier, weight) = word.split_once('=')?;
            Some((identifier.to_owned(), weight.parse().ok()?))
        })
        .collect()
}

/// What a template remembers, by name.
fn in_template(body: &str) -> Vec<(String, Memory)> {
    let Ok(template) = deployed::parse_template(body) else {
        return Vec::new();
    };
    let resources = template.get("Resources").and_then(Json::as_object);
    resources
        .into_iter()
        .flat_map(JsonMap::values)
        .filter_map(Memory::kept_in)
        .collect()
}

/// Puts what a deployed template remembers into the one that is to replace it: an update of a stack changes no weights.
pub(crate) fn carry_over(deployed: &Json, template: &mut JsonMap<String, Json>) {
    let resources = deployed.get("Resources").and_then(Json::as_object);
    for (id, resource) in resources.into_iter().flatten() {
        let Some((domain, memory)) = Memory::kept_in(resource) else {
            continue;
        };
        let new = template
            .get_mut("Resources")
            .and_then(|resources| resources.get_mut(id));
        if let Some(new) = new.and_then(Json::as_object_mut) {
            memory.keep_in(new, &domain);
        }
    }
}

/// What the stacks of these versions remember about each name.
pub(crate) async fn of_stacks<'v>(
    session: &Session,
    versions: impl Iterator<Item = &'v Version>,
) -> Result<Vec<(String, Memory)>, Error> {
    let stacks = versions.map(|version| version.stack.stack_id().unwrap_or(&version.identifier));
    // Boxed: a stream of the closure's own futures would not be `Send` for every lifetime.
    let templates: Vec<BoxFuture<'_, _>> = stacks
        .map(|stack| deployed::template_body(session, stack).boxed())
        .collect();
    let templates: Vec<String> = stream::iter(templates).buffered(AT_THE_SAME_TIME).try_collect().await?;
    Ok(templates.iter().flat_map(|body| in_template(body)).collect())
}

/// Which of a name's memories a rollback goes back to, and whether the weights are still those that the change made.
///
/// The newest change that led to the weights of now; else the newest one that does not lead back to them (a change that died half way,
/// or somebody else changed weights since).
pub(crate) fn to_go_back_to<'m>(memories: &'m [Memory], live: &Weights) -> Option<(&'m Memory, bool)> {
    let newest =
        |matching: &dyn Fn(&&Memory) -> bool| memories.iter().filter(matching).max_by_key(|memory| memory.changed);
    let made_these = newest(&|memory| memory.after == *live && memory.before != *live);
    match made_these {
        Some(memory) => Some((memory, true)),
        None => newest(&|memory| memory.before != *live).map(|memory| (memory, false)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn weights(weights: &[(&str, i64)]) -> Weights {
        weights
            .iter()
            .map(|(name, weight)| ((*name).to_owned(), *weight))
            .collect()
    }

    fn memory(second: i64, before: &[(&str, i64)], after: &[(&str, i64)]) -> Memory {
        Memory {
            changed: Timestamp::from_second(second).unwrap(),
            before: weights(before),
            after: weights(after),
            ..Memory::default()
        }
    }

    #[test]
    fn the_change_that_made_the_weights_of_now_is_taken_back() {
        let (v1, v2, half) = (&[("v1", 200)][..], &[("v2", 200)][..], &[("v1", 100), ("v2", 100)][..]);
        let memories = [memory(1, v1, half), memory(2, half, v2)];
        assert_eq!(to_go_back_to(&memories, &weights(v2)), Some((&memories[1], true)));
        // The newer change was never made: it died before its first step.
        assert_eq!(to_go_back_to(&memories, &weights(half)), Some((&memories[0], true)));
        // It died half way, or somebody changed weights with another tool.
        let odd = weights(&[("v1", 100), ("v2", 200)]);
        assert_eq!(to_go_back_to(&memories, &odd), Some((&memories[1], false)));
        assert_eq!(to_go_back_to(&memories[..1], &weights(v1)), None);
        assert_eq!(to_go_back_to(&[], &odd), None);
    }

    #[test]
    fn other_metadata_stays() {
        let mut resource = json!({"Type": "X", "Metadata": {"Mine": 1, "Senza": {"Other": 2}}});
        let kept = memory(3, &[("app-v1", 200)], &[("app-v2", 200)]);
        kept.keep_in(resource.as_object_mut().unwrap(), "app.example.org");
        assert_eq!(resource["Metadata"]["Mine"], json!(1));
        assert_eq!(resource["Metadata"]["Senza"]["Other"], json!(2));
        let body = json!({"Resources": {"Main": resource, "Else": {"Type": "Y"}}}).to_string();
        assert_eq!(in_template(&body), [("app.example.org".to_owned(), kept)]);
        for odd in [
            "",
            "{}",
            "{\"Resources\": {\"A\": {\"Metadata\": {\"Senza\": {\"Traffic\": 1}}}}}",
        ] {
            assert_eq!(in_template(odd), []);
        }
    }

    #[test]
    fn a_change_that_says_nothing_about_protection_keeps_what_is_known_of_it() {
        let protected = |names: &[&str]| Some(names.iter().map(ToString::to_string).collect::<BTreeSet<_>>());
        let mut resource = JsonMap::new();
        for (said, expected) in [
            (None, None),
            (protected(&["app-v1"]), protected(&["app-v1"])),
            (None, protected(&["app-v1"])),
            (protected(&[]), protected(&[])),
        ] {
            let memory = Memory {
                protected: said,
                ..Memory::default()
            };
            memory.keep_in(&mut resource, "d");
            let kept = Memory::kept_in(&Json::Object(resource.clone())).unwrap().1;
            assert_eq!(kept.protected, expected);
        }
    }

    #[test]
    fn an_update_keeps_what_is_remembered() {
        let kept = memory(3, &[("app-v1", 200)], &[("app-v2", 200)]);
        let mut deployed = json!({"Resources": {"Main": {}, "Gone": {}, "Else": {}}});
        for id in ["Main", "Gone"] {
            kept.keep_in(deployed["Resources"][id].as_object_mut().unwrap(), "app.example.org");
        }
        let mut template = json!({"Resources": {"Main": {"Type": "X"}, "Else": {"Type": "Y"}}});
        carry_over(&deployed, template.as_object_mut().unwrap());
        assert_eq!(
            in_template(&template.to_string()),
            [("app.example.org".to_owned(), kept)]
        );
        assert_eq!(template["Resources"]["Else"], json!({"Type": "Y"}));
    }

    #[test]
    fn what_is_too_long_for_a_tag_is_not_cut() {
        let long = memory(1, &[(&"a".repeat(TAG_LIMIT), 200)], &[]);
        assert_eq!(long.tags(), None);
        assert_eq!(Memory::from_tags(std::iter::empty()), None);
        let foreign = [
            (CHANGED_TAG, "2026-01-01T00:00:00Z"),
            (BEFORE_TAG, "x"),
            (AFTER_TAG, ""),
        ];
        assert_eq!(Memory::from_tags(foreign.into_iter()), None);
    }

    proptest! {
        #[test]
        fn what_is_kept_is_remembered(
            names in prop::collection::btree_map("[a-z][a-z0-9-]{0,20}", 1_i64..=255, 0..5),
            second in 0_i64..4_000_000_000, deployment in prop::option::of("[a-z][a-z0-9-]{0,20}"),
            protected in prop::option::of(prop::collection::btree_set("[a-z][a-z0-9-]{0,20}", 0..5)),
        ) {
            let kept = Memory {
                changed: Timestamp::from_second(second).unwrap(), before: names.clone(), after: names, deployment, protected,
            };
            let mut resource = JsonMap::new();
            kept.keep_in(&mut resource, "d");
            prop_assert_eq!(Memory::kept_in(&Json::Object(resource)), Some(("d".to_owned(), kept.clone())));
            let tags = kept.tags().unwrap();
            let read = Memory::from_tags(tags.iter().map(|(key, value)| (*key, value.as_str())));
            prop_assert_eq!(read, Some(kept));
        }
    }
}
