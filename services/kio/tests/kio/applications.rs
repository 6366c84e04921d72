//! Applications (contract kio 2.3 to 2.7, 3, 4 and 5), on both databases.

use http::header::{CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, LINK};
use serde_json::{Value, json};
use stups_testkit::error_message;

use crate::support::{ASMITH, JDOE, Kio};

#[tokio::test]
async fn an_empty_registry_is_an_empty_list() {
    for kio in Kio::on_both_databases().await {
        for path in [
            "/apps",
            "/apps?active=true",
            "/apps?search=x",
            "/apps?search=",
            "/apps?team_id=stups",
        ] {
            assert_eq!(kio.json(path).await, json!([]), "{path} on {}", kio.database);
        }
    }
}

#[tokio::test]
async fn an_application_is_registered_and_read() {
    for kio in Kio::on_both_databases().await {
        let body = json!({"team_id": "stups", "active": true, "name": "Kio", "scm_url": "https://github.com/stups/kio",
            "criticality_level": 1, "incident_contact": "sre"});
        let answer = kio.put("/apps/kio", body).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
        assert_eq!(answer.header(&CONTENT_TYPE), None);

        let mut detail = kio.json("/apps/kio").await;
        for time in ["created", "last_modified"] {
            let text = detail[time].take();
            let text = text.as_str().unwrap();
            assert!(
                text.len() == 24 && text.ends_with('Z') && text.as_bytes()[19] == b'.',
                "{text}"
            );
        }
        let mut expected = json!({
            "id": "kio", "team_id": "stups", "active": true, "name": "Kio", "incident_contact": "sre", "subtitle": null,
            "description": null, "service_url": null, "scm_url": "https://github.com/stups/kio", "documentation_url": null,
            "specification_url": null, "support_url": null, "specification_type": null, "criticality_level": 1,
            "publicly_accessible": false, "required_approvers": 1, "created": null, "created_by": "jdoe",
            "last_modified": null, "last_modified_by": "jdoe",
        });
        assert_eq!(detail, expected);

        // The list has all of it but the computed number.
        expected.as_object_mut().unwrap().remove("required_approvers");
        let mut list = kio.json("/apps").await;
        list[0]["created"].take();
        list[0]["last_modified"].take();
        assert_eq!(list, json!([expected]));
    }
}

#[tokio::test]
async fn required_approvers_follow_the_criticality() {
    for kio in Kio::on_both_databases().await {
        kio.register("kio").await;
        assert_eq!(kio.json("/apps/kio").await["required_approvers"], 2);
        for (level, approvers) in [(1, 1), (2, 2), (3, 2), (4, 2)] {
            let body = json!({"team_id": null, "active": null, "name": null, "criticality_level": level, "required_approvers": 9});
            assert_eq!(kio.put("/apps/kio", body).await.status, 200);
            assert_eq!(kio.json("/apps/kio").await["required_approvers"], approvers);
        }
    }
}

#[tokio::test]
async fn the_whole_detail_can_be_put_back() {
    for kio in Kio::on_both_databases().await {
        kio.register("kio").await;
        let mut detail = kio.json("/apps/kio").await;
        let refused = kio.put("/apps/kio", detail.clone()).await;
        assert_eq!(refused.status, 400);
        assert!(
            error_message(&refused).contains("the given attribute ':id' is not defined"),
            "{}",
            error_message(&refused)
        );

        let before = detail.clone();
        for key in ["id", "created", "created_by", "last_modified", "last_modified_by"] {
            detail.as_object_mut().unwrap().remove(key);
        }
        assert_eq!(kio.put("/apps/kio", detail).await.status, 200);
        let mut after = kio.json("/apps/kio").await;
        after["last_modified"] = before["last_modified"].clone();
        assert_eq!(after, before);
    }
}

#[tokio::test]
async fn a_put_changes_what_is_not_null() {
    for kio in Kio::on_both_databases().await {
        let all = json!({"team_id": "stups", "active": true, "name": "Kio", "incident_contact": "sre", "subtitle": "s",
            "description": "d", "criticality_level": 3, "publicly_accessible": true});
        assert_eq!(kio.put("/apps/kio", all).await.status, 200);

        // Nulls keep; also the incident contact, which once was lost.
        let nulls = json!({"team_id": "stups", "active": null, "name": null, "incident_contact": null, "subtitle": null,
            "criticality_level": null, "publicly_accessible": null, "description": "new"});
        assert_eq!(kio.put("/apps/kio", nulls).await.status, 200);
        let detail = kio.json("/apps/kio").await;
        for (key, value) in [
            ("active", json!(true)),
            ("name", json!("Kio")),
            ("incident_contact", json!("sre")),
            ("criticality_level", json!(3)),
            ("publicly_accessible", json!(true)),
            ("description", json!("new")),
        ] {
            assert_eq!(detail[key], value, "{key}");
        }

        // False overwrites, and so does an empty text; once, `active` could not be switched off.
        for (active, expected) in [
            (json!(false), false),
            (json!(true), true),
            (json!("false"), false),
            (json!("TRUE"), true),
        ] {
            let body = json!({"team_id": "stups", "active": active, "name": "Kio", "subtitle": "", "publicly_accessible": active});
            assert_eq!(kio.put("/apps/kio", body).await.status, 200);
            let detail = kio.json("/apps/kio").await;
            assert_eq!(
                (&detail["active"], &detail["publicly_accessible"]),
                (&json!(expected), &json!(expected))
            );
            assert_eq!(detail["subtitle"], "");
        }

        // Level as text, as the CLI sends it.
        let body = json!({"team_id": "stups", "active": "true", "name": "Kio", "criticality_level": "1"});
        assert_eq!(kio.put("/apps/kio", body).await.status, 200);
        assert_eq!(kio.json("/apps/kio").await["criticality_level"], 1);
    }
}

#[tokio::test]
async fn who_changed_it_is_replaced_and_who_registered_it_stays() {
    for kio in Kio::on_both_databases().await {
        kio.register("kio").await;
        let before = kio.json("/apps/kio").await;
        let body = json!({"team_id": "stups", "active": true, "name": "Kio"});
        assert_eq!(
            kio.call("PUT", "/apps/kio", "/employees/colleague", Some(body))
                .await
                .status,
            200
        );
        let after = kio.json("/apps/kio").await;
        assert_eq!(
            (&after["created_by"], &after["last_modified_by"]),
            (&json!("jdoe"), &json!("colleague"))
        );
        assert_eq!(after["created"], before["created"]);
        assert!(after["last_modified"].as_str() >= before["last_modified"].as_str());
    }
}

#[tokio::test]
async fn what_is_not_there_is_404_with_a_message() {
    for kio in Kio::on_both_databases().await {
        let answer = kio.get("/apps/nothing").await;
        assert_eq!(answer.status, 404);
        assert_eq!(error_message(&answer), "There is no such application.");
        for (method, path) in [("DELETE", "/apps/kio"), ("GET", "/nothing"), ("POST", "/apps")] {
            assert_eq!(kio.call(method, path, JDOE, None).await.status, 404, "{method} {path}");
        }
        assert_eq!(kio.call("GET", "/apps", "", None).await.status, 401);
        // A slash at the end is ignored.
        assert_eq!(kio.json("/apps/").await, json!([]));
    }
}

#[tokio::test]
async fn teams_have_to_exist() {
    for kio in Kio::on_both_databases().await {
        for team in ["", " ", "nobody"] {
            let body = json!({"team_id": team, "active": true, "name": "Kio"});
            let answer = kio.call("PUT", "/apps/kio", "/employees/admin", Some(body)).await;
            assert_eq!(
                (answer.status.as_u16(), error_message(&answer)),
                (400, format!("Team {team} does not exist."))
            );
        }
        let body = json!({"team_id": null, "active": true, "name": "Kio"});
        assert_eq!(
            kio.call("PUT", "/apps/kio", "/employees/admin", Some(body.clone()))
                .await
                .status,
            400
        );
        assert_eq!(kio.put("/apps/kio", body).await.status, 403);

        // Whoever may write it may give it away, and both owners are on record.
        kio.register("kio").await;
        let body = json!({"team_id": "other", "active": true, "name": "Kio"});
        assert_eq!(kio.put("/apps/kio", body.clone()).await.status, 200);
        assert_eq!(kio.put("/apps/kio", body).await.status, 403);
        let history = kio.json("/apps/kio/history").await;
        let last = history.as_array().unwrap().last().unwrap();
        assert_eq!(last["details"]["before"]["team_id"], "stups");
        assert_eq!(last["details"]["application"]["team_id"], "other");

        let body = json!({"team_id": "nobody", "active": true, "name": "Kio"});
        assert_eq!(kio.call("PUT", "/apps/kio", ASMITH, Some(body)).await.status, 400);
    }
}

#[tokio::test]
async fn bad_input_is_told_and_nothing_is_written() {
    for kio in Kio::on_both_databases().await {
        let valid = json!({"team_id": "stups", "active": true, "name": "Kio"});
        for (change, text) in [
            (json!({"unknown": 1}), "the given attribute ':unknown' is not defined."),
            (
                json!({"criticality_level": 0}),
                "body->application->criticality_level (not required) cannot be used as type 'integer'",
            ),
            (json!({"criticality_level": 5}), "because it is bigger than 4."),
            (json!({"criticality_level": "high"}), "because it is no integer."),
            (json!({"criticality_level": 1.5}), "because it is no integer."),
            (json!({"required_approvers": 0}), "because it is smaller than 1."),
            (
                json!({"name": 1}),
                "Value 1 in body->application->name (required) cannot be used as type 'string'",
            ),
            (json!({"name": null}), "because it has to have a value."),
            (json!({"active": null}), "because it has to have a value."),
            (json!({"active": 1}), "because it is no boolean."),
            (json!({"subtitle": ["x"]}), "because it is no string."),
            (
                json!({"description": "a\u{0}b"}),
                "because it contains a NUL character.",
            ),
            (
                json!({"service_url": "javascript:alert(1)"}),
                "because it is no http or https URL.",
            ),
        ] {
            let mut body = valid.clone();
            body.as_object_mut()
                .unwrap()
                .extend(change.as_object().unwrap().clone());
            let answer = kio.put("/apps/kio", body).await;
            assert_eq!(answer.status, 400, "{change} on {}", kio.database);
            assert!(
                error_message(&answer).contains(text),
                "{change}: {}",
                error_message(&answer)
            );
        }
        for key in ["team_id", "active", "name"] {
            let mut body = valid.clone();
            body.as_object_mut().unwrap().remove(key);
            let answer = kio.put("/apps/kio", body).await;
            assert_eq!(answer.status, 400);
            assert!(error_message(&answer).contains(&format!("the attribute ':{key}' is required")));
        }
        for id in ["a", "A1", "my_app", "my.app", "-a", "a-", "1a", "%00a"] {
            assert_eq!(kio.put(&format!("/apps/{id}"), valid.clone()).await.status, 400, "{id}");
            assert_eq!(kio.get(&format!("/apps/{id}")).await.status, 400, "{id}");
        }
        for body in ["", "{", "[]", "null", "\"x\"", "1"] {
            let sent = Some(("application/json", body.as_bytes().to_vec()));
            assert_eq!(
                kio.send("PUT", "/apps/kio", JDOE, sent, &[]).await.status,
                400,
                "{body}"
            );
        }
        let sent = Some(("text/plain", valid.to_string().into_bytes()));
        let answer = kio.send("PUT", "/apps/kio", JDOE, sent, &[]).await;
        assert_eq!(
            (answer.status.as_u16(), error_message(&answer)),
            (406, "Content type not allowed.".to_owned())
        );
        for query in [
            "modified_before=yesterday",
            "modified_after=2017-13-01",
            "limit=0",
            "limit=1001",
            "limit=x",
            "team_id=a&team_id=b",
            "search=a%00b",
            "search=a&search_prefix=b",
            "search=a&cursor=x",
            "incident_contact=a&without_incident_contact=true",
        ] {
            assert_eq!(
                kio.get(&format!("/apps?{query}")).await.status,
                400,
                "{query} on {}",
                kio.database
            );
        }
        assert_eq!(kio.json("/apps").await, json!([]));
    }
}

#[tokio::test]
async fn lists_are_filtered() {
    for kio in Kio::on_both_databases().await {
        for (id, extra) in [
            ("aa", json!({"incident_contact": "sre"})),
            ("bb", json!({"active": false, "incident_contact": ""})),
            ("cc", json!({"team_id": "other"})),
        ] {
            let mut body = json!({"team_id": "stups", "active": true, "name": id});
            body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            assert_eq!(
                kio.call("PUT", &format!("/apps/{id}"), "/employees/admin", Some(body))
                    .await
                    .status,
                200
            );
        }
        let time = kio.json("/apps/bb").await["last_modified"].as_str().unwrap().to_owned();
        for (query, expected) in [
            (String::new(), &["aa", "bb", "cc"][..]),
            ("team_id=other".to_owned(), &["cc"]),
            ("team_id=oth".to_owned(), &[]),
            ("active=true".to_owned(), &["aa", "cc"]),
            ("active=false".to_owned(), &["bb"]),
            ("active=".to_owned(), &["bb"]),
            ("active=1".to_owned(), &["bb"]),
            ("incident_contact=sre".to_owned(), &["aa"]),
            ("without_incident_contact=true".to_owned(), &["bb", "cc"]),
            ("without_incident_contact=false".to_owned(), &["aa", "bb", "cc"]),
            ("team_id=stups&active=true".to_owned(), &["aa"]),
            ("modified_before=2015-01-01".to_owned(), &[]),
            (
                "modified_after=2015-01-01T00:00:00.000%2B01:00".to_owned(),
                &["aa", "bb", "cc"],
            ),
            ("search=bb&active=false".to_owned(), &["bb"]),
            ("search=bb&active=true".to_owned(), &[]),
            ("search_prefix=b".to_owned(), &["bb"]),
        ] {
            assert_eq!(
                kio.ids(&format!("/apps?{query}")).await,
                expected,
                "{query} on {}",
                kio.database
            );
        }
        // Both ends belong to the range.
        assert!(
            kio.ids(&format!("/apps?modified_before={time}"))
                .await
                .contains(&"bb".to_owned())
        );
        assert!(
            kio.ids(&format!("/apps?modified_after={time}"))
                .await
                .contains(&"bb".to_owned())
        );
    }
}

#[tokio::test]
async fn a_search_tells_rank_and_match() {
    for kio in Kio::on_both_databases().await {
        let body = json!({"team_id": "stups", "active": true, "name": "Kio", "subtitle": "STUPS application registry",
            "description": "Manages all *application* base information."});
        assert_eq!(kio.put("/apps/kio", body).await.status, 200);
        let found = kio.json("/apps?search=stups+application").await;
        let rank = found[0]["matched_rank"].as_f64().unwrap();
        assert!((rank - 0.2).abs() < 1e-6, "{rank}");
        assert_eq!(
            found[0]["matched_description"],
            "kio Kio <b>STUPS</b> <b>application</b> registry Manages all *<b>application</b>* base information."
        );
        // Once, a search failed on a renamed column.
        assert_eq!(found[0]["incident_contact"], Value::Null);
        assert_eq!(kio.ids("/apps?search=KIO").await, ["kio"]);
        assert_eq!(kio.ids("/apps?search=the").await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn pages_are_linked() {
    for kio in Kio::on_both_databases().await {
        for id in ["aa", "bb", "cc", "dd", "ee"] {
            kio.register(id).await;
        }
        for (query, sizes) in [("limit=2", [2, 2, 1]), ("limit=2&search_prefix=a+OR", [0, 0, 0])] {
            let mut path = format!("/apps?{query}");
            let mut seen = Vec::new();
            for size in sizes {
                let answer = kio.get(&path).await;
                let list: Vec<Value> = answer.json().unwrap();
                assert_eq!(list.len(), size);
                seen.extend(
                    list.iter()
                        .map(|application| application["id"].as_str().unwrap().to_owned()),
                );
                let Some(link) = answer.header(&LINK) else { break };
                path = link.strip_prefix('<').unwrap().split_once('>').unwrap().0.to_owned();
            }
            let expected: &[&str] = if sizes[0] == 0 {
                &[]
            } else {
                &["aa", "bb", "cc", "dd", "ee"]
            };
            assert_eq!(seen, expected, "{query}");
            let last: Vec<String> = kio.ids(&path).await;
            assert_eq!(last.len(), sizes[2]);
        }
        assert!(kio.get("/apps?limit=5").await.header(&LINK).is_none());
        let first = kio.get("/apps?limit=1&search_prefix=a").await;
        assert!(first.header(&LINK).is_none());
    }
}

#[tokio::test]
async fn a_search_that_everything_matches_answers_the_best_and_where_the_rest_is() {
    for kio in Kio::on_both_databases().await {
        let mut registered = Vec::new();
        for number in 0..130 {
            let id = format!("app-{number:03}");
            let body = json!({"team_id": "stups", "active": true, "name": "One of the services"});
            assert_eq!(kio.put(&format!("/apps/{id}"), body).await.status, 200);
            registered.push(id);
        }
        // The best match has the last id.
        kio.register("service").await;
        for parameter in ["search", "search_prefix"] {
            let answer = kio.get(&format!("/apps?{parameter}=service")).await;
            let found: Vec<Value> = answer.json().unwrap();
            assert_eq!((found.len(), &found[0]["id"]), (100, &json!("service")));
            let link = answer.header(&LINK).unwrap().to_owned();
            let rest = link.strip_prefix('<').unwrap().split_once('>').unwrap().0;
            let answer = kio.get(rest).await;
            assert!(answer.header(&LINK).is_none());
            let rest: Vec<Value> = answer.json().unwrap();
            let ids = found
                .iter()
                .chain(&rest)
                .skip(1)
                .map(|found| found["id"].as_str().unwrap());
            assert_eq!(ids.collect::<Vec<_>>(), registered, "{}", kio.database);
            assert_eq!(
                kio.ids(&format!("/apps?{parameter}=service&limit=1000")).await.len(),
                131
            );
        }
        // A list stays whole: the original clients know no pages.
        assert_eq!(kio.ids("/apps").await.len(), 131);
    }
}

#[tokio::test]
async fn tags_save_answers_and_updates() {
    for kio in Kio::on_both_databases().await {
        let body = json!({"team_id": "stups", "active": true, "name": "Kio"});
        let new = [(IF_NONE_MATCH, "*")];
        let answer = kio.call_with("PUT", "/apps/kio", JDOE, Some(body.clone()), &new).await;
        assert_eq!(answer.status, 200);
        let tag = answer.header(&ETAG).unwrap().to_owned();
        assert_eq!(
            kio.call_with("PUT", "/apps/kio", JDOE, Some(body.clone()), &new)
                .await
                .status,
            412
        );

        let detail = kio.get("/apps/kio").await;
        assert_eq!(detail.header(&ETAG), Some(tag.as_str()));
        let unchanged = kio
            .call_with("GET", "/apps/kio", JDOE, None, &[(IF_NONE_MATCH, &tag)])
            .await;
        assert_eq!((unchanged.status.as_u16(), unchanged.body.len()), (304, 0));
        let list = kio.get("/apps").await;
        let list_tag = list.header(&ETAG).unwrap();
        assert_eq!(
            kio.call_with("GET", "/apps", JDOE, None, &[(IF_NONE_MATCH, list_tag)])
                .await
                .status,
            304
        );

        let mine = [(IF_MATCH, tag.as_str())];
        let answer = kio
            .call_with("PATCH", "/apps/kio", JDOE, Some(json!({"subtitle": "mine"})), &mine)
            .await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json::<Value>().unwrap()["subtitle"], "mine");
        assert_ne!(answer.header(&ETAG), Some(tag.as_str()));
        assert_eq!(
            kio.call_with("PUT", "/apps/kio", JDOE, Some(body.clone()), &mine)
                .await
                .status,
            412
        );
        assert_eq!(
            kio.call_with("PATCH", "/apps/kio", JDOE, Some(json!({})), &mine)
                .await
                .status,
            412
        );
        assert_eq!(
            kio.call_with("PUT", "/apps/new", JDOE, Some(body), &mine).await.status,
            412
        );
        assert_eq!(
            kio.call_with("GET", "/apps/kio", JDOE, None, &[(IF_NONE_MATCH, &tag)])
                .await
                .status,
            200
        );
        assert_eq!(
            kio.call_with("GET", "/apps", JDOE, None, &[(IF_NONE_MATCH, list_tag)])
                .await
                .status,
            200
        );
    }
}

#[tokio::test]
async fn a_patch_clears() {
    for kio in Kio::on_both_databases().await {
        let body = json!({"team_id": "stups", "active": true, "name": "Kio", "criticality_level": 2, "subtitle": "s",
            "publicly_accessible": true});
        assert_eq!(kio.put("/apps/kio", body).await.status, 200);
        let patch = json!({"criticality_level": null, "subtitle": null, "publicly_accessible": null});
        let answer = kio.call("PATCH", "/apps/kio", JDOE, Some(patch)).await;
        assert_eq!(answer.status, 200, "{}", answer.text().unwrap());
        let detail = kio.json("/apps/kio").await;
        assert_eq!(answer.json::<Value>().unwrap(), detail);
        assert_eq!(
            (&detail["criticality_level"], &detail["subtitle"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(
            (&detail["name"], &detail["publicly_accessible"]),
            (&json!("Kio"), &json!(false))
        );
        assert_eq!(kio.ids("/apps?search=s").await, Vec::<String>::new());
        for patch in [
            json!({"team_id": null}),
            json!({"active": null}),
            json!({"name": null}),
            json!({"id": "x"}),
        ] {
            assert_eq!(kio.call("PATCH", "/apps/kio", JDOE, Some(patch)).await.status, 400);
        }
        assert_eq!(kio.call("PATCH", "/apps/none", JDOE, Some(json!({}))).await.status, 404);
        assert_eq!(
            kio.call("PATCH", "/apps/kio", ASMITH, Some(json!({}))).await.status,
            403
        );
    }
}

#[tokio::test]
async fn of_many_who_register_at_once_one_registers_and_the_others_change() {
    for kio in Kio::on_both_databases().await {
        let register = |number: usize| {
            let body = json!({"team_id": "stups", "active": true, "name": "Kio", "subtitle": number.to_string()});
            kio.call("PUT", "/apps/kio", JDOE, Some(body))
        };
        let answers = futures::future::join_all((0..16).map(register)).await;
        assert!(
            answers.iter().all(|answer| answer.status == 200),
            "{:?}",
            answers.iter().map(|a| a.status).collect::<Vec<_>>()
        );
        let history = kio.json("/apps/kio/history").await;
        let actions: Vec<&str> = history
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["action"].as_str().unwrap())
            .collect();
        assert_eq!(
            actions
                .iter()
                .filter(|action| **action == "application.created")
                .count(),
            1
        );
        assert_eq!((actions.len(), actions[0]), (16, "application.created"));
        // Each record tells what the one before it wrote.
        for pair in history.as_array().unwrap().windows(2) {
            let before = &pair[1]["details"]["before"]["subtitle"];
            assert_eq!(before, &pair[0]["details"]["application"]["subtitle"]);
        }
    }
}

#[tokio::test]
async fn of_teams_that_register_at_once_one_owns_it_and_the_others_are_refused() {
    for kio in Kio::on_both_databases().await {
        let register = |number: usize| {
            let (who, team) = if number.is_multiple_of(2) {
                (JDOE, "stups")
            } else {
                (ASMITH, "other")
            };
            kio.call(
                "PUT",
                "/apps/kio",
                who,
                Some(json!({"team_id": team, "active": true, "name": who})),
            )
        };
        let answers = futures::future::join_all((0..8).map(register)).await;
        let owner = kio.json("/apps/kio").await["team_id"].clone();
        for (number, answer) in answers.iter().enumerate() {
            let owns = number.is_multiple_of(2) == (owner == "stups");
            assert_eq!(
                answer.status,
                if owns { 200 } else { 403 },
                "{number} on {}",
                kio.database
            );
        }
    }
}

#[tokio::test]
async fn of_many_with_the_same_tag_one_wins() {
    for kio in Kio::on_both_databases().await {
        kio.register("kio").await;
        let tag = kio.get("/apps/kio").await.header(&ETAG).unwrap().to_owned();
        let mine = [(IF_MATCH, tag.as_str())];
        let change = |number: usize| {
            let (method, body) = if number.is_multiple_of(2) {
                (
                    "PUT",
                    json!({"team_id": "stups", "active": true, "name": number.to_string()}),
                )
            } else {
                ("PATCH", json!({"name": number.to_string()}))
            };
            kio.call_with(method, "/apps/kio", JDOE, Some(body), &mine)
        };
        let answers = futures::future::join_all((0..10).map(change)).await;
        let won = answers.iter().filter(|answer| answer.status == 200).count();
        let lost = answers.iter().filter(|answer| answer.status == 412).count();
        assert_eq!((won, lost), (1, 9), "on {}", kio.database);
    }
}

#[tokio::test]
async fn what_was_written_is_read_on_every_instance_at_once() {
    use stups_store::DatabaseUrl;
    let database: DatabaseUrl = stups_testkit::PostgreSql::shared()
        .await
        .database()
        .await
        .parse()
        .unwrap();
    let one = Kio::start("PostgreSQL", &database, tempfile::tempdir().unwrap()).await;
    let other = Kio::start("PostgreSQL", &database, tempfile::tempdir().unwrap()).await;
    one.register("kio").await;
    for number in 0..50_usize {
        let (writer, reader) = if number.is_multiple_of(2) {
            (&one, &other)
        } else {
            (&other, &one)
        };
        let body = json!({"team_id": "stups", "active": true, "name": number.to_string()});
        assert_eq!(writer.put("/apps/kio", body).await.status, 200);
        assert_eq!(reader.json("/apps/kio").await["name"], number.to_string());
        assert_eq!(reader.json("/apps").await[0]["name"], number.to_string());
    }
}

#[tokio::test]
async fn many_readers_get_each_their_own() {
    for kio in Kio::on_both_databases().await {
        let ids: Vec<String> = (0..20).map(|number| format!("app-{number}")).collect();
        for id in &ids {
            kio.register(id).await;
        }
        let read = |number: usize| {
            let (kio, id) = (&kio, format!("app-{}", number % 25));
            async move { (kio.get(&format!("/apps/{id}")).await, id) }
        };
        for (answer, id) in futures::future::join_all((0..200).map(read)).await {
            if ids.contains(&id) {
                assert_eq!(answer.json::<Value>().unwrap()["id"], id.as_str());
            } else {
                assert_eq!(answer.status, 404);
            }
        }
    }
}
