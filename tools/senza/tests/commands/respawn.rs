//! `senza respawn-instances` on Auto Scaling groups

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};

use stups_testkit::Account;

use crate::account::{account, senza};
use crate::groups::{
    assert_untouched, behind_load_balancers, group, ids, sizes, suspended, with_configuration, with_template,
};
use crate::process::{finish, signal, spawn};
use crate::proxy::{Proxy, Verdict};
use crate::scripted;

/// Asserts that none of the instances is left.
#[track_caller]
fn assert_replaced(before: &BTreeSet<String>, after: &BTreeSet<String>) {
    assert_eq!(before.intersection(after).count(), 0, "{before:?} {after:?}");
}

#[tokio::test]
async fn instances_are_replaced_one_by_one() {
    let account = account().await;
    for (stack, name) in [
        ("app-1", with_configuration(&account, "app-1", (1, 2, 3)).await),
        ("web-1", with_template(&account, "web-1", (2, 2, 2)).await),
    ] {
        let before = group(&account, &name).await;
        let calls = account.requests().len();
        let words = format!("respawn-instances {} 1 --force", stack.split('-').next().unwrap());
        let outcome = senza(&account.session(), &words).await;
        let (min, desired, max) = sizes(&before);
        let old: Vec<String> = ids(&before).into_iter().collect();
        assert_eq!(
            (outcome.exit_code, outcome.stdout.as_str(), outcome.stderr),
            (
                0,
                "",
                format!(
                    "2/2 instances need to be updated in {name}\n\
                     Suspending scaling processes for {name}.. OK\n\
                     Scaling to 3 instances.. OK\nTerminating old instance {}.. OK\n\
                     Scaling to 3 instances.. OK\nTerminating old instance {}.. OK\n\
                     Resetting Auto Scaling Group to original capacity ({min}-{desired}-{max}).. OK\n\
                     Resuming scaling processes for {name}.. OK\n",
                    old[0], old[1]
                )
            )
        );
        let after = group(&account, &name).await;
        assert_replaced(&ids(&before), &ids(&after));
        assert_untouched(&after, (min, desired, max));
        let writes: Vec<String> = account.requests()[calls..]
            .iter()
            .filter_map(|call| call.strip_prefix("autoscaling:"))
            .filter(|call| !call.starts_with("Describe"))
            .map(str::to_owned)
            .collect();
        assert_eq!(
            writes,
            [
                "CreateOrUpdateTags",
                "SuspendProcesses",
                "UpdateAutoScalingGroup",
                "TerminateInstanceInAutoScalingGroup",
                "TerminateInstanceInAutoScalingGroup",
                "UpdateAutoScalingGroup",
                "ResumeProcesses",
                "DeleteTags",
            ]
        );
    }
}

#[tokio::test]
async fn load_balancers_and_target_groups_are_asked() {
    let account = account().await;
    let name = behind_load_balancers(&account, "app-1", (2, 2, 2)).await;
    let before = group(&account, &name).await;
    let calls = account.requests().len();
    let outcome = senza(&account.session(), "respawn-instances app 1 --force").await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    let after = group(&account, &name).await;
    assert_replaced(&ids(&before), &ids(&after));
    assert_untouched(&after, (2, 2, 2));
    for call in ["DescribeInstanceHealth", "DescribeTargetHealth"] {
        let call = format!("elasticloadbalancing:{call}");
        assert!(account.requests()[calls..].contains(&call), "{call}");
    }
}

#[tokio::test]
async fn instances_that_are_up_to_date_stay() {
    let account = account().await;
    let name = with_configuration(&account, "app-1", (1, 1, 1)).await;
    let before = group(&account, &name).await;
    let outcome = senza(&account.session(), "respawn-instances app 1 -o json").await;
    assert_eq!(
        outcome.stderr,
        format!("0/1 instances need to be updated in {name}\nNothing to do\n")
    );
    assert_eq!(
        outcome.stdout,
        format!(
            "[{{\"group\": \"{name}\", \"instances\": 1, \"replaced\": 0, \"result\": \"nothing to do\", \
             \"stack_name\": \"app\", \"version\": \"1\"}}]\n"
        )
    );
    assert_eq!(ids(&group(&account, &name).await), ids(&before));
    let outcome = senza(&account.session(), "respawn-instances nobody").await;
    assert_eq!(
        (outcome.exit_code, outcome.stdout.as_str(), outcome.stderr.as_str()),
        (0, "", "")
    );
}

#[tokio::test]
async fn processes_that_were_suspended_before_stay_so() {
    let account = account().await;
    let name = with_configuration(&account, "app-1", (1, 1, 1)).await;
    let autoscaling = account.session().autoscaling();
    let suspend = autoscaling.suspend_processes().auto_scaling_group_name(&name);
    suspend
        .scaling_processes("AZRebalance")
        .scaling_processes("HealthCheck")
        .send()
        .await
        .unwrap();
    let outcome = senza(&account.session(), "respawn-instances app --force").await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    let after = group(&account, &name).await;
    assert_eq!(suspended(&after), BTreeSet::from(["AZRebalance", "HealthCheck"]));

    let suspend = autoscaling.suspend_processes().auto_scaling_group_name(&name);
    suspend.scaling_processes("Launch").send().await.unwrap();
    let outcome = senza(&account.session(), "respawn-instances app --force").await;
    assert_eq!(outcome.exit_code, 1);
    assert!(
        outcome.stderr.contains("The process Launch of Auto Scaling Group"),
        "{}",
        outcome.stderr
    );
    assert_eq!(ids(&group(&account, &name).await), ids(&after));
}

#[tokio::test]
async fn in_place_there_is_no_spare() {
    let account = account().await;
    let name = with_configuration(&account, "app-1", (1, 2, 2)).await;
    let before = group(&account, &name).await;
    let calls = account.requests().len();
    let outcome = senza(&account.session(), "respawn-instances app --inplace --force").await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    let after = group(&account, &name).await;
    assert_replaced(&ids(&before), &ids(&after));
    assert_untouched(&after, (1, 2, 2));
    let calls = &account.requests()[calls..];
    assert!(!calls.contains(&"autoscaling:UpdateAutoScalingGroup".to_owned()));
}

#[tokio::test]
async fn throttling_is_waited_out() {
    let account = account().await;
    let name = with_configuration(&account, "app-1", (1, 1, 1)).await;
    let before = group(&account, &name).await;
    let refused = Mutex::new(BTreeSet::new());
    // The first call of each kind is refused.
    let proxy = Proxy::start(&account, move |action| {
        let is_first = refused.lock().unwrap().insert(action.to_owned());
        match action {
            "UpdateAutoScalingGroup" | "TerminateInstanceInAutoScalingGroup" | "ResumeProcesses" if is_first => {
                Verdict::Refuse("Throttling", "Rate exceeded")
            }
            _ => Verdict::Pass,
        }
    });
    let outcome = senza(&proxy.session(), "respawn-instances app --force").await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    let after = group(&account, &name).await;
    assert_replaced(&ids(&before), &ids(&after));
    assert_untouched(&after, (1, 1, 1));
}

#[tokio::test]
async fn what_aws_refuses_ends_it_with_everything_put_back() {
    let account = account().await;
    let name = with_configuration(&account, "app-1", (1, 1, 1)).await;
    let proxy = Proxy::start(&account, |action| match action {
        "TerminateInstanceInAutoScalingGroup" => Verdict::Refuse("AccessDenied", "You may not"),
        _ => Verdict::Pass,
    });
    let outcome = senza(&proxy.session(), "respawn-instances app --force").await;
    assert_eq!(outcome.exit_code, 1);
    assert!(
        outcome.stderr.ends_with(
            "Error: AWS missing access rights. Needed: autoscaling:TerminateInstanceInAutoScalingGroup. (You may not)\n"
        ),
        "{}",
        outcome.stderr
    );
    assert_untouched(&group(&account, &name).await, (1, 1, 1));
}

#[tokio::test]
async fn a_group_that_cannot_be_put_back_is_named_with_the_way_out() {
    let account = account().await;
    let name = with_configuration(&account, "app-1", (1, 1, 1)).await;
    let proxy = Proxy::start(&account, |action| match action {
        "ResumeProcesses" => Verdict::Refuse("AccessDenied", "You may not"),
        _ => Verdict::Pass,
    });
    let outcome = senza(&proxy.session(), "respawn-instances app --force").await;
    assert_eq!(outcome.exit_code, 1);
    let told = format!("Error: Auto Scaling Group {name} could not be put back (");
    assert!(outcome.stderr.contains(&told), "{}", outcome.stderr);
    let way_out = "Run respawn-instances again: it puts back sizes 1-1-1 and resumes AZRebalance, AlarmNotification, \
                   ScheduledActions.";
    assert!(outcome.stderr.contains(way_out), "{}", outcome.stderr);
    // The next run does it, without replacing anything again.
    let before = group(&account, &name).await;
    let outcome = senza(&account.session(), "respawn-instances app").await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    assert!(
        outcome
            .stderr
            .contains(&format!("An earlier run on {name} was cut off")),
        "{}",
        outcome.stderr
    );
    let after = group(&account, &name).await;
    assert_untouched(&after, (1, 1, 1));
    assert_eq!(ids(&after), ids(&before));
}

/// The calls that change something, in the order in which a run with one instance makes them.
const CHANGES: [&str; 7] = [
    "CreateOrUpdateTags",
    "SuspendProcesses",
    "UpdateAutoScalingGroup",
    "TerminateInstanceInAutoScalingGroup",
    // Again: back to what it was.
    "UpdateAutoScalingGroup",
    "ResumeProcesses",
    "DeleteTags",
];

/// A proxy that stops at the `stop`-th change: before AWS is asked, or with the answer kept back. What is returned says when
/// it got there, and lets the call go on once it is dropped.
fn stopping_at(
    account: &Account,
    stop: usize,
    before: bool,
) -> (Proxy, tokio::sync::oneshot::Receiver<()>, Sender<()>) {
    let (release, released) = channel();
    let (reach, reached) = tokio::sync::oneshot::channel();
    let held = Mutex::new(Some((reach, released)));
    let changes = AtomicUsize::new(0);
    let proxy = Proxy::start(account, move |action| {
        if !CHANGES.contains(&action) || changes.fetch_add(1, Ordering::SeqCst) != stop {
            return Verdict::Pass;
        }
        let Some((reach, released)) = held.lock().unwrap().take() else {
            return Verdict::Pass;
        };
        if before {
            let _ = reach.send(());
            return Verdict::After(released, Box::new(Verdict::Pass));
        }
        // Told a moment early; whoever listens looks at what AWS says.
        let _ = reach.send(());
        Verdict::Keep(released)
    });
    (proxy, reached, release)
}

#[tokio::test]
async fn killed_at_any_point_it_is_put_right_by_the_next_run() {
    let account = account().await;
    for (stop, change) in CHANGES.iter().enumerate() {
        for before in [true, false] {
            let (stack, at) = (
                format!("app{stop}{before}"),
                format!("{stop} {change}, before: {before}"),
            );
            let name = with_configuration(&account, &format!("{stack}-1"), (1, 1, 1)).await;
            let calls = account.requests().len();
            let (proxy, reached, release) = stopping_at(&account, stop, before);
            let mut child = spawn(&format!("respawn-instances {stack} 1 --force"), proxy.environment());
            reached.await.unwrap();
            if !before {
                // AWS has been asked when its log says so, and has done it when it answers the next call.
                let done = |calls: &[String]| {
                    let changes = calls.iter().filter_map(|call| call.strip_prefix("autoscaling:"));
                    changes.filter(|call| CHANGES.contains(call)).count() > stop
                };
                while !done(&account.requests()[calls..]) {
                    tokio::task::yield_now().await;
                }
            }
            child.kill().unwrap();
            child.wait().unwrap();
            // A call that AWS was never asked is never made: who made it is gone. Its other end may go only now.
            if before {
                std::mem::forget(release);
            }
            let left = group(&account, &name).await;
            assert!(!left.instances().is_empty(), "{at}: never fewer than there were");

            let outcome = senza(&account.session(), &format!("respawn-instances {stack} 1")).await;
            assert_eq!(outcome.exit_code, 0, "{at}: {}", outcome.stderr);
            assert_untouched(&group(&account, &name).await, (1, 1, 1));
        }
    }
}

#[tokio::test]
async fn interrupted_it_puts_back_what_it_changed() {
    let account = account().await;
    let name = with_configuration(&account, "app-1", (1, 2, 2)).await;
    let signals: &[&str] = if cfg!(target_os = "linux") {
        &["-INT", "-TERM", "-HUP"]
    } else {
        &["-INT", "-TERM"]
    };
    for name_of_signal in signals {
        // At the second instance.
        let (proxy, reached, release) = stopping_at(&account, 4, true);
        let child = spawn("respawn-instances app --force", proxy.environment());
        reached.await.unwrap();
        signal(&child, name_of_signal);
        let output = finish(child).await;
        // What was interrupted is not made any more.
        std::mem::forget(release);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(
            stderr.contains(&format!("Interrupted: 1 of 2 old instances of {name} were replaced\n")),
            "{stderr}"
        );
        assert!(stderr.ends_with("Aborted!\n"), "{stderr}");
        assert_untouched(&group(&account, &name).await, (1, 2, 2));
    }
}

#[tokio::test]
async fn of_two_runs_at_once_the_later_one_finishes() {
    let account = account().await;
    let name = with_configuration(&account, "app-1", (1, 1, 1)).await;
    // The first stands before it terminates the instance. When it goes on, that is gone, which AWS says otherwise than moto.
    let (release, released) = channel();
    let (reach, reached) = tokio::sync::oneshot::channel();
    let held = Mutex::new(Some((reach, released)));
    let proxy = Proxy::start(&account, move |action| {
        if action != "TerminateInstanceInAutoScalingGroup" {
            return Verdict::Pass;
        }
        let first = held.lock().unwrap().take();
        let Some((reach, released)) = first else {
            return Verdict::Pass;
        };
        let _ = reach.send(());
        let gone = Verdict::Refuse("ValidationError", "Instance Id not found - No managed instance found");
        Verdict::After(released, Box::new(gone))
    });
    let first_session = proxy.session();
    let first = tokio::spawn(async move { senza(&first_session, "respawn-instances app --force").await });
    reached.await.unwrap();
    let second = senza(&account.session(), "respawn-instances app --force").await;
    assert_eq!(second.exit_code, 0, "{}", second.stderr);
    drop(release);
    let first = first.await.unwrap();
    assert_eq!(first.exit_code, 1);
    assert!(
        first.stderr.contains(&format!(
            "Another run of respawn-instances has taken over {name}; this one has stopped"
        )),
        "{}",
        first.stderr
    );
    assert_untouched(&group(&account, &name).await, (1, 1, 1));
}

#[tokio::test]
async fn a_group_that_is_being_respawned_is_not_scaled() {
    let account = account().await;
    let name = with_configuration(&account, "app-1", (1, 1, 1)).await;
    let (proxy, reached, release) = stopping_at(&account, 3, true);
    let session = proxy.session();
    let run = tokio::spawn(async move { senza(&session, "respawn-instances app --force").await });
    reached.await.unwrap();
    let outcome = senza(&account.session(), "scale app 1 5").await;
    assert_eq!(outcome.exit_code, 1);
    assert!(
        outcome.stderr.contains("are being respawned, or a respawn was cut off"),
        "{}",
        outcome.stderr
    );
    drop(release);
    assert_eq!(run.await.unwrap().exit_code, 0);
    assert_untouched(&group(&account, &name).await, (1, 1, 1));
}

#[tokio::test]
async fn sizes_that_somebody_changed_after_a_crash_are_kept() {
    let account = account().await;
    let name = with_configuration(&account, "app-1", (1, 1, 1)).await;
    let (proxy, reached, release) = stopping_at(&account, 3, true);
    let mut child = spawn("respawn-instances app --force", proxy.environment());
    reached.await.unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    std::mem::forget(release);
    let update = account.session().autoscaling().update_auto_scaling_group();
    let update = update
        .auto_scaling_group_name(&name)
        .min_size(4)
        .desired_capacity(4)
        .max_size(8);
    update.send().await.unwrap();
    let outcome = senza(&account.session(), "respawn-instances app").await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    assert!(
        outcome
            .stderr
            .contains(&format!("The sizes of {name} were changed since: they stay 4-4-8")),
        "{}",
        outcome.stderr
    );
    assert_untouched(&group(&account, &name).await, (4, 4, 8));
}

#[tokio::test]
async fn an_instance_that_never_comes_into_service_is_named_and_goes() {
    let account = account().await;
    let name = with_configuration(&account, "app-1", (1, 1, 1)).await;
    let before = group(&account, &name).await;
    // Behind the proxy the group has a load balancer that knows the old instance only.
    let old = ids(&before).pop_first().unwrap();
    let proxy = behind_a_load_balancer(&account, &old);
    let outcome = senza(&proxy.session(), "respawn-instances app --force -t 1 -i 1").await;
    assert_eq!(outcome.exit_code, 1);
    assert!(
        outcome.stderr.contains(&format!(
            "After 1 seconds 1 of 2 instances of {name} are in service; not yet: i-"
        )) && outcome.stderr.contains("(InService, not registered)"),
        "{}",
        outcome.stderr
    );
    let after = group(&account, &name).await;
    assert_untouched(&after, (1, 1, 1));
    assert_eq!(ids(&after), ids(&before), "the one that serves stays");
}

/// A proxy that shows every group behind a classic load balancer with this one instance in service.
fn behind_a_load_balancer(account: &Account, instance: &str) -> Proxy {
    let instance = instance.to_owned();
    Proxy::start(account, move |action| match action {
        "DescribeAutoScalingGroups" => {
            let names = "<LoadBalancerNames><member>lb</member></LoadBalancerNames>".to_owned();
            Verdict::Rewrite(vec![
                ("<LoadBalancerNames />".to_owned(), names.clone()),
                ("<LoadBalancerNames/>".to_owned(), names.clone()),
                ("<LoadBalancerNames></LoadBalancerNames>".to_owned(), names),
            ])
        }
        "DescribeInstanceHealth" => Verdict::Answer(format!(
            "<DescribeInstanceHealthResponse><DescribeInstanceHealthResult><InstanceStates><member><InstanceId>{instance}\
             </InstanceId><State>InService</State></member></InstanceStates></DescribeInstanceHealthResult>\
             </DescribeInstanceHealthResponse>"
        )),
        _ => Verdict::Pass,
    })
}

/// The inside of a DescribeAutoScalingGroups answer: a group with a launch template of a fixed version.
fn described_group() -> String {
    "<AutoScalingGroups><member><AutoScalingGroupName>g</AutoScalingGroupName><MinSize>1</MinSize><MaxSize>1</MaxSize>\
     <DesiredCapacity>1</DesiredCapacity><LaunchTemplate><LaunchTemplateId>lt-1</LaunchTemplateId><LaunchTemplateName>n</LaunchTemplateName>\
     <Version>2</Version></LaunchTemplate><Instances><member><InstanceId>i-1</InstanceId>\
     <LifecycleState>InService</LifecycleState></member></Instances></member></AutoScalingGroups>"
        .to_owned()
}

fn refresh(status: &str, percentage: i32) -> String {
    format!(
        "<InstanceRefreshes><member><InstanceRefreshId>r-1</InstanceRefreshId><Status>{status}</Status><StatusReason>why\
         </StatusReason><PercentageComplete>{percentage}</PercentageComplete><InstancesToUpdate>0</InstancesToUpdate>\
         </member></InstanceRefreshes>"
    )
}

/// The inside of a ListStackResources answer: that group.
const GROUP_RESOURCE: &str = "<StackResourceSummaries><member><LogicalResourceId>AppServer</LogicalResourceId>\
    <PhysicalResourceId>g</PhysicalResourceId><ResourceType>AWS::AutoScaling::AutoScalingGroup</ResourceType>\
    <ResourceStatus>CREATE_COMPLETE</ResourceStatus><LastUpdatedTimestamp>2026-01-01T00:00:00Z</LastUpdatedTimestamp>\
    </member></StackResourceSummaries>";

fn refreshing(start: String, states: &[(&str, i32)]) -> (stups_aws::Session, scripted::Script) {
    let mut answers = vec![
        ("ListStacks", scripted::stacks(&[("a-1", "CREATE_COMPLETE")], None)),
        ("ListStackResources", GROUP_RESOURCE.to_owned()),
        ("DescribeAutoScalingGroups", described_group()),
        ("StartInstanceRefresh", start),
    ];
    answers.extend(
        states
            .iter()
            .map(|(status, done)| ("DescribeInstanceRefreshes", refresh(status, *done))),
    );
    scripted::recorded(&answers)
}

#[tokio::test]
async fn an_instance_refresh_is_started_and_waited_for() {
    let started = "<InstanceRefreshId>r-1</InstanceRefreshId>".to_owned();
    let (session, script) = refreshing(started, &[("Pending", 0), ("InProgress", 50), ("Successful", 100)]);
    let outcome = senza(&session, "respawn-instances a 1 --instance-refresh -i 1 -o tsv").await;
    assert_eq!(outcome.stderr, "Refreshing instances of g.. . . OK\n");
    assert_eq!(
        outcome.stdout,
        "stack_name\tversion\tgroup\tinstances\treplaced\tresult\na\t1\tg\t1\t1\trespawned\n"
    );
    let asked = script.bodies("StartInstanceRefresh");
    for parameter in [
        "Preferences.MinHealthyPercentage=100",
        "Preferences.MaxHealthyPercentage=110",
        "Preferences.SkipMatching=true",
        "Preferences.AutoRollback=true",
        "DesiredConfiguration.LaunchTemplate.LaunchTemplateId=lt-1",
        "DesiredConfiguration.LaunchTemplate.Version=2",
    ] {
        assert!(asked[0].contains(parameter), "{asked:?}");
    }
    assert!(!asked[0].contains("LaunchTemplateName"), "{asked:?}");
}

#[tokio::test]
async fn an_instance_refresh_under_way_is_waited_for_and_a_failed_one_told() {
    let under_way = || scripted::error("InstanceRefreshInProgress", "There is one");
    let (session, _script) = refreshing(under_way(), &[("Successful", 100)]);
    let outcome = senza(&session, "respawn-instances a --instance-refresh").await;
    assert_eq!(
        (outcome.exit_code, outcome.stderr.as_str()),
        (0, "Refreshing instances of g.. OK\n")
    );

    let (session, _script) = refreshing(under_way(), &[("RollbackSuccessful", 100)]);
    let outcome = senza(&session, "respawn-instances a --instance-refresh").await;
    assert_eq!(outcome.exit_code, 1);
    assert!(
        outcome
            .stderr
            .ends_with("Error: The instance refresh of g ended as RollbackSuccessful: why\n"),
        "{}",
        outcome.stderr
    );
    let outcome = senza(&session, "respawn-instances a --instance-refresh --inplace").await;
    assert_eq!(outcome.exit_code, 2);
}

#[tokio::test]
async fn only_instances_of_another_launch_template_version_are_replaced() {
    // i-1 was launched from no template at all, i-2 from the present version.
    let group = described_group().replace(
        "</Instances>",
        "<member><InstanceId>i-2</InstanceId><LifecycleState>InService</LifecycleState><LaunchTemplate><LaunchTemplateId>lt-1\
         </LaunchTemplateId><Version>2</Version></LaunchTemplate></member></Instances>",
    );
    let session = scripted::session(&[
        ("ListStacks", scripted::stacks(&[("a-1", "CREATE_COMPLETE")], None)),
        ("ListStackResources", GROUP_RESOURCE.to_owned()),
        ("DescribeAutoScalingGroups", group),
        ("CreateOrUpdateTags", scripted::error("AccessDenied", "You may not")),
    ]);
    let outcome = senza(&session, "respawn-instances a").await;
    assert!(
        outcome.stderr.starts_with("1/2 instances need to be updated in g\n"),
        "{}",
        outcome.stderr
    );
    assert_eq!(outcome.exit_code, 1, "without a record nothing is changed");
}
