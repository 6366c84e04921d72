//! What applications hold is not deleted behind their backs (contract essentials 4, E7).

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::support::Essentials;

#[tokio::test]
async fn what_is_held_is_deleted_only_by_force() {
    for essentials in Essentials::on_both_databases().await {
        essentials.with_sales_order().await;
        let scope = json!({"summary": "x", "is_resource_owner_scope": false});
        for id in ["read", "write"] {
            let at = format!("/resource-types/sales_order/scopes/{id}");
            assert_eq!(essentials.put(&at, scope.clone()).await.status, 200);
        }
        assert_eq!(
            essentials
                .json("/resource-types/sales_order/scopes/read/applications")
                .await,
            json!(["shop"])
        );
        assert_eq!(
            essentials
                .json("/resource-types/sales_order/scopes/write/applications")
                .await,
            json!([])
        );
        assert_eq!(
            essentials
                .get("/resource-types/sales_order/scopes/nothing/applications")
                .await
                .status,
            404
        );
        for at in ["/resource-types/sales_order/scopes/read", "/resource-types/sales_order"] {
            let refused = essentials.delete(at).await;
            assert_eq!(refused.status, 409, "{at}");
            let body: Value = refused.json().unwrap();
            assert_eq!(body["details"], json!({"applications": ["shop"], "count": 1}));
        }
        assert_eq!(
            essentials
                .delete("/resource-types/sales_order/scopes/write")
                .await
                .status,
            200
        );

        essentials.mint_is_away.store(true, Ordering::Relaxed);
        assert_eq!(essentials.delete("/resource-types/sales_order").await.status, 503);
        assert_eq!(
            essentials
                .get("/resource-types/sales_order/scopes/read/applications")
                .await
                .status,
            503
        );
        assert_eq!(
            essentials.delete("/resource-types/sales_order?force=true").await.status,
            200
        );
        assert_eq!(essentials.json("/resource-types/sales_order/scopes").await, json!([]));
    }
}
