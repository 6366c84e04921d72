//! Resource types and scopes (contract essentials 2.2 to 2.4 and 3), on both databases.

use http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use serde_json::{Value, json};
use stups_testkit::error_message;

use crate::support::{ADMIN, Essentials, JDOE};

/// The life cycle that the original's tests pin down.
#[tokio::test]
async fn from_nothing_to_nothing() {
    for essentials in Essentials::on_both_databases().await {
        assert_eq!(essentials.json("/resource-types").await, json!([]));
        let made = essentials
            .put("/resource-types/sales_order", json!({"name": "Sales Order"}))
            .await;
        assert_eq!((made.status.as_u16(), made.text().unwrap()), (200, "null"));
        assert_eq!(
            essentials.json("/resource-types").await,
            json!([{"id": "sales_order", "name": "Sales Order"}])
        );
        let detail = essentials.json("/resource-types/sales_order").await;
        assert_eq!(detail["description"], Value::Null);
        assert_eq!(detail["resource_owners"], json!([]));
        assert_eq!(detail["created_by"], "admin");
        assert_eq!(essentials.json("/resource-types/sales_order/scopes").await, json!([]));

        let scope = json!({"summary": "Read", "is_resource_owner_scope": null});
        let at = "/resource-types/sales_order/scopes/read";
        assert_eq!(essentials.put(at, scope).await.text().unwrap(), "null");
        let list = essentials.json("/resource-types/sales_order/scopes").await;
        let listed = list[0].as_object().unwrap();
        for (name, value) in [
            ("id", json!("read")),
            ("summary", json!("Read")),
            ("is_resource_owner_scope", json!(false)),
            ("criticality_level", json!(2)),
            ("description", Value::Null),
            ("user_information", Value::Null),
        ] {
            assert_eq!(listed.get(name), Some(&value), "{name}");
        }
        assert_eq!(essentials.json(at).await, list[0]);

        let owned = json!({"summary": "Read", "is_resource_owner_scope": true});
        let refused = essentials.put(at, owned).await;
        assert_eq!(refused.status, 400);
        let details: Value = refused.json().unwrap();
        assert_eq!(
            details["details"],
            json!({"resource_type_id": "sales_order", "scope_id": "read"})
        );

        let scope = json!({"summary": "Read", "is_resource_owner_scope": false});
        assert_eq!(
            essentials
                .put("/resource-types/nothing/scopes/read", scope)
                .await
                .status,
            404
        );

        let held = format!("{at}?force=true");
        for _ in 0..2 {
            assert_eq!(essentials.delete(&held).await.text().unwrap(), "null");
        }
        assert_eq!(
            essentials.delete("/resource-types/nothing/scopes/read").await.status,
            404
        );
        assert_eq!(essentials.get(at).await.status, 404);
        let whole = "/resource-types/sales_order?force=true";
        assert_eq!(essentials.delete(whole).await.text().unwrap(), "null");
        assert_eq!(essentials.delete(whole).await.status, 404);
        assert_eq!(essentials.get("/resource-types/sales_order").await.status, 404);
        // As YOUR TURN and mint expect.
        assert_eq!(essentials.json("/resource-types/sales_order/scopes").await, json!([]));
    }
}

#[tokio::test]
async fn owners_and_scopes_fit_each_other() {
    for essentials in Essentials::on_both_databases().await {
        essentials.with_sales_order().await;
        let at = "/resource-types/sales_order";
        let owned = json!({"summary": "Read", "is_resource_owner_scope": true, "user_information": "Read your orders"});
        assert_eq!(essentials.put(&format!("{at}/scopes/read"), owned).await.status, 200);

        let strangers = essentials
            .put(at, json!({"name": "x", "resource_owners": ["customers", "martians"]}))
            .await;
        assert_eq!(strangers.status, 400);
        let body: Value = strangers.json().unwrap();
        assert_eq!(
            body["details"],
            json!({"invalid_resource_owners": ["martians"], "possible_resource_owners": ["customers", "employees"]})
        );
        let twice = essentials
            .put(at, json!({"name": "x", "resource_owners": ["customers", "customers"]}))
            .await;
        assert_eq!(twice.status, 400);
        // Omitted and empty are the same.
        for body in [json!({"name": "x"}), json!({"name": "x", "resource_owners": []})] {
            let ownerless = essentials.put(at, body).await;
            assert_eq!(ownerless.status, 400);
            let body: Value = ownerless.json().unwrap();
            assert_eq!(
                body["details"],
                json!({"resource_type_id": "sales_order", "affected_scope_ids": ["read"]})
            );
        }
        let none = essentials
            .call("PATCH", at, ADMIN, Some(json!({"resource_owners": []})))
            .await;
        assert_eq!(none.status, 400);
        // Owners keep their order, and an owner's scope may become an application's always.
        let swapped = json!({"name": "x", "resource_owners": ["employees", "customers"]});
        assert_eq!(essentials.put(at, swapped).await.status, 200);
        assert_eq!(
            essentials.json(at).await["resource_owners"],
            json!(["employees", "customers"])
        );
        let application = json!({"summary": "Read", "is_resource_owner_scope": false});
        assert_eq!(
            essentials.put(&format!("{at}/scopes/read"), application).await.status,
            200
        );
        assert_eq!(essentials.put(at, json!({"name": "x"})).await.status, 200);
    }
}

#[tokio::test]
async fn put_replaces_and_patch_changes() {
    for essentials in Essentials::on_both_databases().await {
        essentials.with_sales_order().await;
        let at = "/resource-types/sales_order";
        let patched = essentials
            .call("PATCH", at, ADMIN, Some(json!({"name": "Order"})))
            .await;
        let patched: Value = patched.json().unwrap();
        assert_eq!(
            (&patched["name"], &patched["description"]),
            (&json!("Order"), &json!("What was bought"))
        );
        let cleared = essentials
            .call("PATCH", at, ADMIN, Some(json!({"description": null})))
            .await;
        assert_eq!(cleared.json::<Value>().unwrap()["description"], Value::Null);
        assert_eq!(essentials.put(at, json!({"name": "Sales Order"})).await.status, 200);
        assert_eq!(essentials.json(at).await["resource_owners"], json!([]));
        assert_eq!(
            essentials
                .call("PATCH", "/resource-types/nothing", ADMIN, Some(json!({})))
                .await
                .status,
            404
        );

        let at = "/resource-types/sales_order/scopes/read";
        let full = json!({
            "summary": "Read", "description": "All of them", "user_information": "Read your orders",
            "user_information_by_language": {"de": "Bestellungen lesen"}, "is_resource_owner_scope": "TRUE",
            "criticality_level": "3",
        });
        let no_owner = essentials.put(at, full.clone()).await;
        assert_eq!(no_owner.status, 400, "\"TRUE\" is true");
        let owned = json!({"name": "Sales Order", "resource_owners": ["customers"]});
        essentials.put("/resource-types/sales_order", owned).await;
        assert_eq!(essentials.put(at, full).await.status, 200);
        let found = essentials.json(at).await;
        assert_eq!(found["criticality_level"], 3);
        assert_eq!(
            found["user_information_by_language"],
            json!({"de": "Bestellungen lesen"})
        );
        let patched = essentials
            .call("PATCH", at, ADMIN, Some(json!({"criticality_level": null})))
            .await;
        let patched: Value = patched.json().unwrap();
        assert_eq!(
            (&patched["criticality_level"], &patched["description"]),
            (&json!(2), &json!("All of them"))
        );
        // YOUR TURN sends back what it got without the ids.
        let mut back = patched;
        back.as_object_mut().unwrap().remove("id");
        back["resource_type_id"] = json!("sales_order");
        assert_eq!(essentials.put(at, back).await.status, 200);
        assert_eq!(
            essentials
                .put(at, json!({"summary": "Read", "is_resource_owner_scope": false}))
                .await
                .status,
            200
        );
        let replaced = essentials.json(at).await;
        assert_eq!(replaced["description"], Value::Null);
        assert_eq!(replaced.get("user_information_by_language"), None);
        assert_eq!(
            essentials
                .call(
                    "PATCH",
                    "/resource-types/sales_order/scopes/nothing",
                    ADMIN,
                    Some(json!({}))
                )
                .await
                .status,
            404
        );
    }
}

#[tokio::test]
async fn what_cannot_be_used_is_named() {
    for essentials in Essentials::on_both_databases().await {
        essentials.with_sales_order().await;
        for (path, body, text) in [
            ("/resource-types/1a", json!({"name": "x"}), "path->resource_type_id"),
            (
                "/resource-types/a.b.c",
                json!({"name": "x"}),
                "it is not a resource type id",
            ),
            (
                "/resource-types/sales_order",
                json!({}),
                "the attribute ':name' is required",
            ),
            (
                "/resource-types/sales_order",
                json!({"name": null}),
                "it has to have a value",
            ),
            (
                "/resource-types/sales_order",
                json!({"name": "x", "id": "x"}),
                "':id' is not defined",
            ),
            (
                "/resource-types/sales_order",
                json!({"name": "x", "resource_owners": null}),
                "it is no array",
            ),
            (
                "/resource-types/sales_order",
                json!({"name": "x", "resource_owners": ["a,b"]}),
                "the name of a realm",
            ),
            ("/resource-types/sales_order/scopes/r", json!({}), "path->scope_id"),
            (
                "/resource-types/sales_order/scopes/read",
                json!({"summary": "x"}),
                "':is_resource_owner_scope' is required",
            ),
            (
                "/resource-types/sales_order/scopes/read",
                json!({"summary": "x", "is_resource_owner_scope": false, "criticality_level": 4}),
                "it is bigger than 3",
            ),
            (
                "/resource-types/sales_order/scopes/read",
                json!({"summary": "x", "is_resource_owner_scope": false, "criticality_level": 0}),
                "it is smaller than 1",
            ),
            (
                "/resource-types/sales_order/scopes/read",
                json!({"summary": "x", "is_resource_owner_scope": false, "ciriticality_level": 1}),
                "':ciriticality_level' is not defined",
            ),
            (
                "/resource-types/sales_order/scopes/read",
                json!({"summary": "x", "is_resource_owner_scope": false, "user_information_by_language": {"deutsch!": "x"}}),
                "a language tag",
            ),
        ] {
            let answer = essentials.put(path, body).await;
            assert_eq!(answer.status, 400, "{path}: {}", answer.text().unwrap());
            let message = error_message(&answer);
            assert!(message.contains(text), "{message}");
        }
        // Who is not known is told so before anything else.
        let nobody = essentials.call("PUT", "/resource-types/1a", "", Some(json!([]))).await;
        assert_eq!(nobody.status, 401);
        assert_eq!(essentials.get("/resource-types?search=%00").await.status, 400);
    }
}

#[tokio::test]
async fn lists_are_filtered_and_have_tags() {
    for essentials in Essentials::on_both_databases().await {
        for (id, name) in [
            ("kio", "Kio"),
            ("kio.version", "Version"),
            ("kiosk_x", "100%"),
            ("sales_order", "Order"),
        ] {
            let who = if id.starts_with("kio") && id != "kiosk_x" {
                JDOE
            } else {
                ADMIN
            };
            let body = Some(json!({"name": name}));
            let put = essentials
                .call("PUT", &format!("/resource-types/{id}"), who, body)
                .await;
            assert_eq!(put.status, 200, "{id}");
        }
        let ids = async |query: &str| -> Vec<String> {
            let list = essentials.json(&format!("/resource-types{query}")).await;
            list.as_array()
                .unwrap()
                .iter()
                .map(|found| found["id"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(ids("").await, ["kio", "kio.version", "kiosk_x", "sales_order"]);
        assert_eq!(ids("?application_id=kio").await, ["kio", "kio.version"]);
        assert_eq!(ids("?search=ORDER").await, ["sales_order"]);
        assert_eq!(ids("?search=%25").await, ["kiosk_x"]);
        assert_eq!(ids("?search=_").await, ["kiosk_x", "sales_order"]);
        assert!(ids("?search=nothing").await.is_empty());

        let scope = json!({"summary": "Read", "is_resource_owner_scope": false, "criticality_level": 1});
        essentials
            .call("PUT", "/resource-types/kio.version/scopes/read", JDOE, Some(scope))
            .await;
        assert_eq!(
            essentials.json("/scopes").await,
            json!([{
                "name": "kio.version.read", "resource_type_id": "kio.version", "scope_id": "read", "summary": "Read",
                "is_resource_owner_scope": false, "resource_owners": [], "criticality_level": 1,
            }])
        );
        for path in [
            "/resource-types",
            "/resource-types/kio",
            "/resource-types/kio.version/scopes",
            "/scopes",
        ] {
            let tag = essentials.get(path).await.header(&ETAG).unwrap().to_owned();
            let again = essentials
                .call_with("GET", path, JDOE, None, &[(IF_NONE_MATCH, &tag)])
                .await;
            assert_eq!(again.status, 304, "{path}");
        }
    }
}

#[tokio::test]
async fn writes_can_have_conditions() {
    for essentials in Essentials::on_both_databases().await {
        essentials.with_sales_order().await;
        let at = "/resource-types/sales_order";
        let tag = essentials.get(at).await.header(&ETAG).unwrap().to_owned();
        let put = async |header, value: &str| {
            let body = Some(json!({"name": "Order"}));
            essentials
                .call_with("PUT", at, ADMIN, body, &[(header, value)])
                .await
                .status
                .as_u16()
        };
        assert_eq!(put(IF_NONE_MATCH, "*").await, 412);
        assert_eq!(put(IF_MATCH, &tag).await, 200);
        assert_eq!(put(IF_MATCH, &tag).await, 412);
        let whole = "/resource-types/sales_order?force=true";
        let stale = essentials
            .call_with("DELETE", whole, ADMIN, None, &[(IF_MATCH, &tag)])
            .await;
        assert_eq!(stale.status, 412);
    }
}
