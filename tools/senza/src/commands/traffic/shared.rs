//! Versions behind one load balancer: a rule of its listener forwards a name's requests to their target groups by weight.
//!
//! Each version's stack makes its target group and says in its outputs which name and listener it belongs to. The rule belongs to no
//! stack, so that none of them depends on another; it only names target groups that have a weight, so that an idle version can
//! be deleted like any other stack. It is replaced as a whole, in one call.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use stups_aws::Session;
use stups_aws::cloudformation::types::{Output, Stack};
use stups_aws::elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, FixedResponseActionConfig, ForwardActionConfig, HostHeaderConditionConfig, Rule,
    RuleCondition, Tag, TargetGroupTuple,
};

use super::memory::Memory;
use super::version::Version;
use crate::Error;
use crate::route53::canonical;
use crate::weights::{FULL, WeightPlan, percent};

/// What the names of a version's outputs end with; what precedes is the component's name.
pub(crate) const TARGET_GROUP_OUTPUT: &str = "TrafficTargetGroup";
pub(crate) const LISTENER_OUTPUT: &str = "TrafficListener";
pub(crate) const DOMAIN_OUTPUT: &str = "TrafficDomain";

/// The tag of rules that Senza made.
const OWN_RULE_TAG: &str = "senza:traffic";
/// An action forwards to at most this many target groups
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>).
const MOST_GROUPS: usize = 5;
/// Rules have priorities of 1 to this.
pub(crate) const LOWEST_PRIORITY: i32 = 50_000;
/// How often another priority is tried when somebody else takes the chosen one at the same moment.
const PRIORITY_ATTEMPTS: usize = 5;

/// A version's target group on a listener that versions share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SharedTarget {
    /// the name whose requests are shared, canonical
    pub(crate) domain: String,
    /// the listener's ARN
    pub(crate) listener: String,
    /// the target group's ARN
    pub(crate) target_group: String,
    /// the component that made it
    pub(crate) component: String,
}

/// The target groups that a stack has on shared listeners, by its outputs.
pub(crate) fn targets_of(stack: &Stack) -> Vec<SharedTarget> {
    let outputs = stack.outputs();
    let value = |key: &str| {
        let output = outputs.iter().find(|output| output.output_key() == Some(key));
        output.and_then(Output::output_value)
    };
    let components = outputs
        .iter()
        .filter_map(|output| output.output_key()?.strip_suffix(TARGET_GROUP_OUTPUT));
    components
        .filter_map(|component| {
            Some(SharedTarget {
                domain: canonical(value(&format!("{component}{DOMAIN_OUTPUT}"))?),
                listener: value(&format!("{component}{LISTENER_OUTPUT}"))?.to_owned(),
                target_group: value(&format!("{component}{TARGET_GROUP_OUTPUT}"))?.to_owned(),
                component: component.to_owned(),
            })
        })
        .collect()
}

/// All rules of a listener, in order of their priorities.
pub(crate) async fn rules_of(session: &Session, listener: &str) -> Result<Vec<Rule>, Error> {
    let mut rules = Vec::new();
    let mut marker = None;
    loop {
        let request = session.elbv2().describe_rules().listener_arn(listener);
        let page = request.set_marker(marker).send().await?;
        rules.extend(page.rules.unwrap_or_default());
        marker = page.next_marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(rules);
        }
    }
}

/// Whether the rule is about requests for this name, all of them and no others.
pub(crate) fn is_for_host(rule: &Rule, domain: &str) -> bool {
    host_of(rule).is_some_and(|host| canonical(host) == canonical(domain))
}

/// The one name that the rule is about, if it is about all requests for it and no others.
pub(crate) fn host_of(rule: &Rule) -> Option<&str> {
    let [condition] = rule.conditions() else { return None };
    let values = match condition.host_header_config() {
        Some(config) if !config.values().is_empty() => config.values(),
        _ => condition.values(),
    };
    match values {
        [value] if condition.field() == Some("host-header") => Some(value),
        _ => None,
    }
}

/// The priorities that rules have.
pub(crate) fn priorities_of(rules: &[Rule]) -> BTreeSet<i32> {
    rules.iter().filter_map(|rule| rule.priority()?.parse().ok()).collect()
}

/// The first priority that is not `taken`, from `wanted` on and then from the beginning; nothing when all are.
pub(crate) fn free_priority(taken: &BTreeSet<i32>, wanted: i32) -> Option<i32> {
    let wanted = wanted.clamp(1, LOWEST_PRIORITY);
    (wanted..=LOWEST_PRIORITY)
        .chain(1..wanted)
        .find(|priority| !taken.contains(priority))
}

/// The rule that forwards a name's requests, as it is now.
#[derive(Clone, Debug)]
pub(crate) struct SharedRule {
    /// the name, canonical
    pub(crate) domain: String,
    listener: String,
    /// nothing before a version gets traffic for the first time
    rule: Option<Rule>,
    /// each version's target group
    groups: IndexMap<String, String>,
}

impl SharedRule {
    /// Reads the rule for `target`'s name, which `versions` share.
    pub(super) async fn read(session: &Session, versions: &[Version], target: &SharedTarget) -> Result<Self, Error> {
        let groups = versions.iter().filter_map(|version| {
            let mut own = version.shared.iter();
            let own = own.find(|own| own.domain == target.domain && own.listener == target.listener)?;
            Some((version.identifier.clone(), own.target_group.clone()))
        });
        Ok(Self {
            domain: target.domain.clone(),
            listener: target.listener.clone(),
            rule: find_rule(session, target).await?,
            groups: groups.collect(),
        })
    }

    /// The weight of each identifier; a target group that no version has goes by its own name.
    pub(super) fn weights(&self) -> Vec<(String, i64)> {
        let forwards = self.rule.as_ref().map(forwards).unwrap_or_default().into_iter();
        forwards
            .map(|(group, weight)| (self.identifier_of(&group), weight))
            .collect()
    }

    fn identifier_of(&self, group: &str) -> String {
        let own = self.groups.iter().find(|(_, own)| *own == group);
        own.map_or_else(|| group_name(group).to_owned(), |(identifier, _)| identifier.clone())
    }

    /// What the rule's tags remember.
    pub(super) async fn memory(&self, session: &Session) -> Result<Option<Memory>, Error> {
        let Some(arn) = self.rule.as_ref().and_then(Rule::rule_arn) else {
            return Ok(None);
        };
        let tags = tags_of(session, arn).await?;
        let pairs = tags
            .iter()
            .filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default())));
        Ok(Memory::from_tags(pairs))
    }

    /// What the plan makes the rule forward to; refuses what a rule cannot do.
    pub(super) fn planned(&self, plan: &WeightPlan) -> Result<Vec<(String, i64)>, Error> {
        let mut planned = Vec::new();
        let before = self.rule.as_ref().map(forwards).unwrap_or_default();
        for (identifier, change) in plan.changes.iter().filter(|(_, change)| change.new > 0) {
            let own = self.groups.get(identifier).cloned();
            let foreign = || {
                before
                    .iter()
                    .map(|(group, _)| group)
                    .find(|group| group_name(group) == identifier)
            };
            let group = own.or_else(|| foreign().cloned()).ok_or_else(|| {
                Error::Fatal(format!(
                    "Stack {identifier} has no target group for {} on this listener",
                    self.domain
                ))
            })?;
            planned.push((group, change.new));
        }
        if planned.len() > MOST_GROUPS {
            return Err(Error::Fatal(format!(
                "{} versions would share the traffic of {}, but a listener rule forwards to {MOST_GROUPS} at most. Switch one off \
                 first.",
                planned.len(),
                self.domain
            )));
        }
        Ok(planned)
    }

    /// Makes the rule forward as planned, all at once, and reads it back. Returns whether anything had to be changed.
    pub(super) async fn apply(
        &self,
        session: &Session,
        application: &str,
        plan: &WeightPlan,
        memory: &Memory,
    ) -> Result<bool, Error> {
        let planned = self.planned(plan)?;
        let before = self.rule.as_ref().map(forwards).unwrap_or_default();
        if sorted(&planned) == sorted(&before) {
            return Ok(false);
        }
        let live = find_rule_of(session, &self.listener, &self.domain).await?;
        let now = live.as_ref().map(forwards).unwrap_or_default();
        if sorted(&now) != sorted(&before) {
            return Err(Error::WeightsMoved(format!(
                "Weights of {} were changed by somebody else meanwhile ({} before, {} now). Nothing was changed; please try again.",
                self.domain,
                self.in_words(&before),
                self.in_words(&now)
            )));
        }
        match live.as_ref().and_then(|rule| Some((rule, rule.rule_arn()?))) {
            Some((rule, arn)) => {
                // First: a change that nobody made is recognised, one that nobody remembers is not.
                remember(session, arn, memory).await?;
                let request = session.elbv2().modify_rule().rule_arn(arn);
                request
                    .set_actions(Some(actions(rule.actions(), &planned)))
                    .send()
                    .await?;
            }
            None => self.create(session, application, &planned, memory).await?,
        }
        let live = find_rule_of(session, &self.listener, &self.domain).await?;
        let now = live.as_ref().map(forwards).unwrap_or_default();
        if sorted(&now) != sorted(&planned) {
            return Err(Error::Fatal(format!(
                "Weights of {} are not what they were set to, somebody else may be changing them: {}",
                self.domain,
                self.in_words(&now)
            )));
        }
        Ok(true)
    }

    async fn create(
        &self,
        session: &Session,
        application: &str,
        planned: &[(String, i64)],
        memory: &Memory,
    ) -> Result<(), Error> {
        let host = HostHeaderConditionConfig::builder().values(&self.domain).build();
        let condition = RuleCondition::builder()
            .field("host-header")
            .host_header_config(host)
            .build();
        let mut tags = vec![tag(OWN_RULE_TAG, &self.domain), tag("StackName", application)];
        tags.extend(
            memory
                .tags()
                .unwrap_or_default()
                .iter()
                .map(|(key, value)| tag(key, value)),
        );
        let mut taken = priorities_of(&rules_of(session, &self.listener).await?);
        let mut attempts = PRIORITY_ATTEMPTS;
        loop {
            let priority = free_priority(&taken, 1)
                .ok_or_else(|| Error::Fatal(format!("The listener of {} has no room for another rule", self.domain)))?;
            let request = session
                .elbv2()
                .create_rule()
                .listener_arn(&self.listener)
                .priority(priority)
                .conditions(condition.clone())
                .set_actions(Some(actions(&[], planned)))
                .set_tags(Some(tags.clone()));
            attempts -= 1;
            match request.send().await.map_err(stups_aws::Error::from) {
                Ok(_) => return Ok(()),
                Err(error) if error.has_code("PriorityInUse") && attempts > 0 => {
                    taken.insert(priority);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn in_words(&self, forwards: &[(String, i64)]) -> String {
        let words: Vec<String> = forwards
            .iter()
            .map(|(group, weight)| format!("{} {:?}%", self.identifier_of(group), percent(*weight)))
            .collect();
        if words.is_empty() {
            "no version".to_owned()
        } else {
            words.join(", ")
        }
    }
}

/// The weight that a target group has right now.
pub(crate) async fn weight_of(session: &Session, target: &SharedTarget) -> Result<i64, Error> {
    let rule = find_rule(session, target).await?;
    let forwards = rule.as_ref().map(forwards).unwrap_or_default();
    let own = forwards.iter().find(|(group, _)| *group == target.target_group);
    Ok(own.map_or(0, |(_, weight)| *weight))
}

/// Takes a version that is about to be deleted out of the rule, which would keep its target group alive. `is_last`: no other version
/// has this name; a rule that Senza made then goes too.
pub(crate) async fn release(session: &Session, target: &SharedTarget, is_last: bool) -> Result<(), Error> {
    let Some(rule) = find_rule(session, target).await? else {
        return Ok(());
    };
    let Some(arn) = rule.rule_arn() else { return Ok(()) };
    let before = forwards(&rule);
    let rest: Vec<(String, i64)> = before
        .iter()
        .filter(|(group, _)| *group != target.target_group)
        .cloned()
        .collect();
    if rest.is_empty() && is_last {
        let tags = tags_of(session, arn).await?;
        if tags.iter().any(|tag| tag.key() == Some(OWN_RULE_TAG)) {
            session.elbv2().delete_rule().rule_arn(arn).send().await?;
            return Ok(());
        }
    }
    if rest.len() < before.len() {
        let request = session.elbv2().modify_rule().rule_arn(arn);
        request.set_actions(Some(actions(rule.actions(), &rest))).send().await?;
    }
    Ok(())
}

async fn find_rule(session: &Session, target: &SharedTarget) -> Result<Option<Rule>, Error> {
    find_rule_of(session, &target.listener, &target.domain).await
}

async fn find_rule_of(session: &Session, listener: &str, domain: &str) -> Result<Option<Rule>, Error> {
    let rules = rules_of(session, listener).await?;
    Ok(rules.into_iter().find(|rule| is_for_host(rule, domain)))
}

async fn tags_of(session: &Session, arn: &str) -> Result<Vec<Tag>, Error> {
    let answer = session.elbv2().describe_tags().resource_arns(arn).send().await?;
    let descriptions = answer.tag_descriptions.unwrap_or_default().into_iter();
    Ok(descriptions
        .flat_map(|description| description.tags.unwrap_or_default())
        .collect())
}

async fn remember(session: &Session, rule: &str, memory: &Memory) -> Result<(), Error> {
    if let Some(tags) = memory.tags() {
        let tags = tags.iter().map(|(key, value)| tag(key, value)).collect();
        session
            .elbv2()
            .add_tags()
            .resource_arns(rule)
            .set_tags(Some(tags))
            .send()
            .await?;
    }
    Ok(())
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

/// What a rule forwards to: target groups with a weight above zero.
fn forwards(rule: &Rule) -> Vec<(String, i64)> {
    let mut forwards = Vec::new();
    for action in rule.actions() {
        let tuples = action
            .forward_config()
            .map(ForwardActionConfig::target_groups)
            .unwrap_or_default();
        for tuple in tuples {
            if let Some(group) = tuple.target_group_arn() {
                forwards.push((group.to_owned(), i64::from(tuple.weight().unwrap_or(1))));
            }
        }
        if tuples.is_empty()
            && let Some(group) = action.target_group_arn()
        {
            forwards.push((group.to_owned(), FULL));
        }
    }
    forwards.retain(|(_, weight)| *weight > 0);
    forwards
}

fn sorted(forwards: &[(String, i64)]) -> Vec<(String, i64)> {
    let mut forwards = forwards.to_vec();
    forwards.sort();
    forwards
}

/// The rule's actions with this ending: forward by weight, or, without any version, an answer that says so. What precedes, who is
/// let in, stays as it is.
fn actions(before: &[Action], forwards: &[(String, i64)]) -> Vec<Action> {
    let is_last = |action: &Action| {
        matches!(
            action.r#type(),
            None | Some(ActionTypeEnum::Forward | ActionTypeEnum::FixedResponse | ActionTypeEnum::Redirect)
        )
    };
    let stickiness = before
        .iter()
        .find_map(|action| action.forward_config()?.target_group_stickiness_config().cloned());
    let mut actions: Vec<Action> = before.iter().filter(|action| !is_last(action)).map(kept).collect();
    let order = actions.iter().filter_map(Action::order).max().unwrap_or(0) + 1;
    let last = if forwards.is_empty() {
        let answer = FixedResponseActionConfig::builder()
            .status_code("503")
            .content_type("text/plain")
            .message_body("No version of this application is switched on.")
            .build();
        Action::builder()
            .r#type(ActionTypeEnum::FixedResponse)
            .fixed_response_config(answer)
    } else {
        let groups = forwards.iter().map(|(group, weight)| {
            let weight = i32::try_from(*weight).unwrap_or(0);
            TargetGroupTuple::builder()
                .target_group_arn(group)
                .weight(weight)
                .build()
        });
        let forward = ForwardActionConfig::builder()
            .set_target_groups(Some(groups.collect()))
            .set_target_group_stickiness_config(stickiness)
            .build();
        Action::builder()
            .r#type(ActionTypeEnum::Forward)
            .forward_config(forward)
    };
    actions.push(last.order(order).build());
    actions
}

/// An action as it can be sent back: a client's secret is never shown, but it can be told to stay.
fn kept(action: &Action) -> Action {
    let mut action = action.clone();
    if let Some(oidc) = &mut action.authenticate_oidc_config {
        oidc.client_secret = None;
        oidc.use_existing_client_secret = Some(true);
    }
    action
}

/// `arn:aws:elasticloadbalancing:...:targetgroup/<name>/<id>`
fn group_name(arn: &str) -> &str {
    arn.rsplit('/').nth(1).unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use stups_aws::elasticloadbalancingv2::types::AuthenticateOidcActionConfig;

    use super::*;

    fn arn(name: &str) -> String {
        format!("arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/{name}/73e2d6bc24d8a067")
    }

    fn rule(host: &[&str], actions: Vec<Action>) -> Rule {
        let config = HostHeaderConditionConfig::builder()
            .set_values(Some(host.iter().map(|value| (*value).to_owned()).collect()))
            .build();
        let condition = RuleCondition::builder().field("host-header").host_header_config(config);
        Rule::builder()
            .conditions(condition.build())
            .set_actions(Some(actions))
            .build()
    }

    #[test]
    fn a_rule_is_for_one_name() {
        assert!(is_for_host(&rule(&["App.example.org"], vec![]), "app.example.org"));
        assert!(!is_for_host(
            &rule(&["app.example.org", "b.example.org"], vec![]),
            "app.example.org"
        ));
        assert!(!is_for_host(&rule(&["b.example.org"], vec![]), "app.example.org"));
        let old_style = RuleCondition::builder()
            .field("host-header")
            .values("app.example.org")
            .build();
        assert!(is_for_host(
            &Rule::builder().conditions(old_style.clone()).build(),
            "app.example.org"
        ));
        let path = RuleCondition::builder().field("path-pattern").values("/api").build();
        let both = Rule::builder().conditions(old_style).conditions(path).build();
        assert!(!is_for_host(&both, "app.example.org"));
        assert!(!is_for_host(
            &Rule::builder().is_default(true).build(),
            "app.example.org"
        ));
    }

    #[test]
    fn what_precedes_the_forwarding_stays() {
        let oidc = AuthenticateOidcActionConfig::builder()
            .issuer("https://id.example.org")
            .client_id("me")
            .build();
        let login = Action::builder()
            .r#type(ActionTypeEnum::AuthenticateOidc)
            .authenticate_oidc_config(oidc)
            .order(1)
            .build();
        let forward = Action::builder()
            .r#type(ActionTypeEnum::Forward)
            .target_group_arn(arn("app-v1"))
            .order(2)
            .build();
        let before = [login, forward];
        assert_eq!(forwards(&rule(&["a"], before.to_vec())), [(arn("app-v1"), FULL)]);
        let after = actions(&before, &[(arn("app-v1"), 150), (arn("app-v2"), 50)]);
        assert_eq!(after.len(), 2);
        let login = after[0].authenticate_oidc_config().unwrap();
        assert_eq!(
            (login.client_id(), login.use_existing_client_secret()),
            (Some("me"), Some(true))
        );
        assert_eq!(after[1].order(), Some(2));
        assert_eq!(
            forwards(&rule(&["a"], after.clone())),
            [(arn("app-v1"), 150), (arn("app-v2"), 50)]
        );
        let off = actions(&after, &[]);
        assert_eq!(off.len(), 2);
        assert_eq!(off[1].fixed_response_config().unwrap().status_code(), Some("503"));
        assert!(forwards(&rule(&["a"], off)).is_empty());
    }

    #[test]
    fn outputs_say_what_belongs_together() {
        let output = |key: &str, value: &str| Output::builder().output_key(key).output_value(value).build();
        let stack = Stack::builder()
            .outputs(output("AppTrafficTargetGroup", "arn:tg"))
            .outputs(output("AppTrafficListener", "arn:listener"))
            .outputs(output("AppTrafficDomain", "App.example.org."))
            .outputs(output("OtherTrafficTargetGroup", "arn:alone"))
            .build();
        assert_eq!(
            targets_of(&stack),
            [SharedTarget {
                domain: "app.example.org".to_owned(),
                listener: "arn:listener".to_owned(),
                target_group: "arn:tg".to_owned(),
                component: "App".to_owned(),
            }]
        );
    }

    #[test]
    fn a_target_group_goes_by_its_name() {
        assert_eq!(group_name(&arn("app-v1")), "app-v1");
        assert_eq!(group_name("odd"), "odd");
    }

    proptest! {
        #[test]
        fn a_free_priority_is_free(taken in prop::collection::btree_set(1_i32..200, 0..150), wanted in -5_i32..60_000) {
            let free = free_priority(&taken, wanted).unwrap();
            prop_assert!((1..=LOWEST_PRIORITY).contains(&free) && !taken.contains(&free));
        }
    }

    #[test]
    fn a_full_listener_has_no_free_priority() {
        let all: BTreeSet<i32> = (1..=LOWEST_PRIORITY).collect();
        assert_eq!(free_priority(&all, 7), None);
    }
}
