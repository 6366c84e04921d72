//! essentials over real HTTP on each database, with a token for everybody, and a Kio and a mint that tests steer.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde_json::{Value, json};
use stups_api::client::{Answer, Client};
use stups_api::kio::KioClient;
use stups_api::mint::{ApplicationFilter, MintClient};
use stups_auth::Verifier;
use stups_essentials::Catalogue;
use stups_server::Environment;
use stups_store::{DatabaseUrl, Store};
use stups_testkit::{Everybody, HttpService, PostgreSql, Teams};

/// An employee of the team `stups`, which has the applications `kio` and `user-filtering`.
pub(crate) const JDOE: &str = "/employees/jdoe";
/// An employee of the team `other`, which has the application `sales`.
pub(crate) const ASMITH: &str = "/employees/asmith";
/// Who writes what belongs to no application.
pub(crate) const ADMIN: &str = "/employees/admin";

/// A running service.
pub(crate) struct Essentials {
    pub(crate) database: &'static str,
    pub(crate) store: Store,
    pub(crate) teams: Teams,
    pub(crate) kio_is_away: Arc<AtomicBool>,
    pub(crate) mint_is_away: Arc<AtomicBool>,
    http: HttpService,
    _directory: tempfile::TempDir,
}

impl Deref for Essentials {
    type Target = HttpService;

    fn deref(&self) -> &HttpService {
        &self.http
    }
}

impl Essentials {
    pub(crate) async fn on_both_databases() -> [Self; 2] {
        [Self::on_sqlite(false).await, Self::on_postgresql().await]
    }

    pub(crate) async fn on_sqlite(prefix_lookup: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::sqlite_file(&directory.path().join("essentials.db"));
        Self::start("SQLite", &url, directory, prefix_lookup).await
    }

    async fn on_postgresql() -> Self {
        let url: DatabaseUrl = PostgreSql::shared().await.database().await.parse().unwrap();
        Self::start("PostgreSQL", &url, tempfile::tempdir().unwrap(), false).await
    }

    async fn start(
        database: &'static str,
        url: &DatabaseUrl,
        directory: tempfile::TempDir,
        prefix_lookup: bool,
    ) -> Self {
        let store = Store::open(url, stups_essentials::NAME, stups_essentials::migrations())
            .await
            .unwrap();
        let teams = Teams::default();
        let [kio_is_away, mint_is_away] = [(); 2].map(|()| Arc::<AtomicBool>::default());
        let kio = HttpService::start(|_| kio(kio_is_away.clone())).await;
        let mint = HttpService::start(|_| mint(mint_is_away.clone())).await;
        let catalogue = Catalogue {
            store: store.clone(),
            verifier: Verifier::new(Everybody),
            policy: Arc::new(teams.clone()),
            kio: Some(KioClient::new(Client::new(kio.url).unwrap())),
            mint: Some(MintClient::new(Client::new(mint.url).unwrap())),
            everything_is_allowed: false,
            admins: ADMIN.parse().unwrap(),
            realms: ["employees", "services"].map(str::to_owned).into(),
            resource_owners: ["employees", "customers"].map(str::to_owned).into(),
            prefix_lookup,
        };
        let http = HttpService::start(|url| {
            let environment = Environment::new(directory.path(), url.clone());
            catalogue.build(&environment).unwrap().router
        });
        Self {
            http: http.await,
            database,
            store,
            teams,
            kio_is_away,
            mint_is_away,
            _directory: directory,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, JDOE, None).await
    }

    /// The JSON of a successful answer.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(
            answer.status,
            200,
            "{path} on {}: {}",
            self.database,
            answer.text().unwrap()
        );
        answer.json().unwrap()
    }

    /// Writes as the administrator.
    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.call("PUT", path, ADMIN, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, ADMIN, None).await
    }

    /// Makes the type `sales_order`, which customers own.
    pub(crate) async fn with_sales_order(&self) {
        let body = json!({"name": "Sales Order", "description": "What was bought", "resource_owners": ["customers"]});
        assert_eq!(self.put("/resource-types/sales_order", body).await.status, 200);
    }
}

/// A Kio that has three applications, and wants to know who asks.
fn kio(away: Arc<AtomicBool>) -> Router {
    let application = async move |Path(id): Path<String>, headers: HeaderMap| -> Response {
        assert!(headers["authorization"].to_str().unwrap().starts_with("Bearer /"));
        let team = match id.as_str() {
            "kio" | "user-filtering" => "stups",
            "sales" => "other",
            "orphan" => " ",
            _ => return (StatusCode::NOT_FOUND, "{}").into_response(),
        };
        if away.load(Ordering::Relaxed) {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        let body = json!({
            "id": id, "team_id": team, "active": true, "name": id, "created": "2026-01-01T00:00:00.000Z", "created_by": "x",
            "last_modified": "2026-01-01T00:00:00.000Z", "last_modified_by": "x",
        });
        axum::Json(body).into_response()
    };
    Router::new().route("/apps/{id}", get(application))
}

/// A mint in which `shop` holds `sales_order.read`.
fn mint(away: Arc<AtomicBool>) -> Router {
    let applications = async move |Query(filter): Query<Vec<(String, String)>>| -> Response {
        if away.load(Ordering::Relaxed) {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        let asked = |name: &str| {
            filter
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.clone())
        };
        let filter = ApplicationFilter {
            resource_type_id: asked("resource_type_id"),
            scope_id: asked("scope_id"),
        };
        let held = filter.resource_type_id.as_deref() == Some("sales_order")
            && filter.scope_id.as_deref().is_none_or(|scope| scope == "read");
        let shop = json!({"id": "shop", "last_modified": "2026-01-01T00:00:00.000Z", "has_problems": false});
        axum::Json(if held { vec![shop] } else { Vec::new() }).into_response()
    };
    Router::new().route("/apps", get(applications))
}
