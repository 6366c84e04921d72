//! `senza images`

use stups_testkit::{Account, AwsApi};

use crate::account::{redacted, senza};
use crate::instances::run_tagged;

async fn account_with_images() -> Account {
    let api = AwsApi::shared().await;
    let builder = Account::builder(api)
        .image("Taupage-AMI-20261101-120000")
        .image("TaupageDev-AMI-20261102-120000");
    let account = builder.image("Unrelated").build().await;
    run_tagged(&account, &[("Name", "a-1")], 2).await;
    account
}

#[tokio::test]
async fn formats() {
    let session = account_with_images().await.session();
    for format in ["json", "tsv"] {
        let outcome = senza(&session, &format!("images -o {format}")).await;
        assert_eq!((outcome.exit_code, outcome.stderr.as_str()), (0, ""));
        insta::assert_snapshot!(format!("images_{format}"), redacted(&outcome.stdout));
    }
    let outcome = senza(&session, "images -f Name -f stacks -f total_instances").await;
    insta::assert_snapshot!("images_text", redacted(&outcome.stdout));
}

#[tokio::test]
async fn unused_images_are_hidden_when_old() {
    let session = account_with_images().await.session();
    // A negative age lies in the future: everything is older than that.
    let outcome = senza(&session, "images --hide-older-than -1 -o tsv -f total_instances").await;
    assert_eq!(outcome.stdout, "total_instances\n2\n");
    let outcome = senza(
        &session,
        "images --show-instances --hide-older-than=-1 -o tsv -f instances -f total_instances",
    )
    .await;
    assert_eq!(redacted(&outcome.stdout), "instances\ni-<id>, i-<id>\n");
}

#[tokio::test]
async fn a_reference_leaves_only_images_in_use_there() {
    let session = account_with_images().await.session();
    let outcome = senza(&session, "images no-such-stack -o tsv -f ImageId").await;
    assert_eq!(outcome.stdout, "ImageId\n");
}
