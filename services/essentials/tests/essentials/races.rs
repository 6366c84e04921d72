//! Two requests at once never leave what one alone could not (contract essentials 4, E6).

use serde_json::{Value, json};
use stups_store::audit::{Filter, page};

use crate::support::{ADMIN, Essentials};

/// A scope that an owner grants, and a type that loses its owners: one of the two is refused.
#[tokio::test(flavor = "multi_thread")]
async fn no_owners_scope_is_left_on_a_type_without_owners() {
    for essentials in Essentials::on_both_databases().await {
        for number in 0..12 {
            let at = format!("/resource-types/type_{number}");
            let owned = json!({"name": "x", "resource_owners": ["customers"]});
            assert_eq!(essentials.put(&at, owned).await.status, 200);
            let scope_at = format!("{at}/scopes/read");
            let scope = json!({"summary": "x", "is_resource_owner_scope": true});
            let (scope, ownerless) = tokio::join!(
                essentials.put(&scope_at, scope),
                essentials.put(&at, json!({"name": "x"}))
            );
            let statuses = (scope.status.as_u16(), ownerless.status.as_u16());
            assert!(
                matches!(statuses, (200, 400) | (400, 200)),
                "{statuses:?} on {}",
                essentials.database
            );
            let owners = essentials.json(&at).await["resource_owners"].as_array().unwrap().len();
            let scopes = essentials.json(&format!("{at}/scopes")).await;
            assert_eq!(owners, scopes.as_array().unwrap().len());
        }
    }
}

/// Of many who make the same type and scope, all are right, or told that somebody was faster; each write is on record once.
#[tokio::test(flavor = "multi_thread")]
async fn many_make_the_same() {
    for essentials in Essentials::on_both_databases().await {
        let writes = (0..16).map(|_| essentials.put("/resource-types/sales_order", json!({"name": "x"})));
        let answers = futures::future::join_all(writes).await;
        let written = answers.iter().filter(|answer| answer.status == 200).count();
        assert!(
            written >= 1
                && answers
                    .iter()
                    .all(|answer| answer.status == 200 || answer.status == 409)
        );
        let scope = json!({"summary": "x", "is_resource_owner_scope": false});
        let at = "/resource-types/sales_order/scopes/read";
        let writes = (0..16).map(|_| essentials.call("PUT", at, ADMIN, Some(scope.clone())));
        let answers = futures::future::join_all(writes).await;
        assert!(
            answers.iter().all(|answer| answer.status == 200),
            "on {}",
            essentials.database
        );
        let records = page(essentials.store.connection(), 0, 100, &Filter::default())
            .await
            .unwrap();
        assert_eq!(records.len(), written + 16);
        let list: Value = essentials.json("/resource-types/sales_order/scopes").await;
        assert_eq!(list.as_array().unwrap().len(), 1);
    }
}
