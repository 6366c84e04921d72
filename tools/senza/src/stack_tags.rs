//! Tags that say whose a new stack is, and where it came from.

use crate::Compatibility;
use crate::checks::Facts;
use crate::context::Context;
use crate::template::StackRequest;

/// The longest value of a tag, in characters.
const LONGEST_VALUE: usize = 256;
/// CloudFormation takes this many tags.
const MOST_TAGS: usize = 50;

/// Adds the tags `application`, `version`, `team`, `who` and `commit` to a stack of today's resources, as far as they are known.
/// A tag of the definition or the command line stays, also when it differs in case only: tags of IAM resources, which take over
/// those of their stack, have no case.
pub(crate) async fn add(context: &Context, request: &mut StackRequest, facts: &Facts) {
    if request.compatibility != Compatibility::Senza3 {
        return;
    }
    let (name, version) = crate::stacks::split_stack_name(&request.stack_name);
    let own = [
        ("application", facts.application.clone().or(Some(name.to_owned()))),
        ("version", facts.version.clone().or(Some(version.to_owned()))),
        ("team", facts.team.clone()),
        ("who", who(context).await),
        ("commit", facts.revision.clone()),
    ];
    add_missing(&mut request.tags, own);
}

fn add_missing<const N: usize>(tags: &mut Vec<(String, String)>, own: [(&str, Option<String>); N]) {
    for (key, value) in own {
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            continue;
        };
        let is_there = tags.iter().any(|(known, _)| known.eq_ignore_ascii_case(key));
        if !is_there && tags.len() < MOST_TAGS {
            let allowed = |character: &char| character.is_alphanumeric() || " _.:/=+-@".contains(*character);
            let value = value.chars().filter(allowed).take(LONGEST_VALUE).collect();
            tags.push((key.to_owned(), value));
        }
    }
}

/// Who AWS takes us for. A stack is not refused because AWS does not say it.
async fn who(context: &Context) -> Option<String> {
    let identity = context.session.sts().get_caller_identity().send().await.ok()?;
    identity.arn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_that_are_there_stay() {
        let text = |text: &str| text.to_owned();
        let mut tags = vec![(text("Name"), text("a-1")), (text("Team"), text("mine"))];
        let own = [
            ("application", Some(text("a"))),
            ("team", Some(text("stups"))),
            ("who", Some(text("arn:aws:iam::1:user/jdoe<>"))),
            ("commit", None),
            ("version", Some(String::new())),
        ];
        add_missing(&mut tags, own);
        assert_eq!(
            tags,
            [
                ("Name", "a-1"),
                ("Team", "mine"),
                ("application", "a"),
                ("who", "arn:aws:iam::1:user/jdoe")
            ]
            .map(|(key, value)| (text(key), text(value)))
        );
    }
}
