//! What those who run a service see of it.

use super::*;

#[tokio::test]
async fn metrics_count_requests_by_route_method_and_status() {
    let service = friboo().await;
    for _ in 0..3 {
        service.get("/apps/kio").await;
    }
    service.get("/apps/none").await;
    service.get("/no/such/path").await;
    let metrics = service.get_open("/metrics").await;
    assert!(
        metrics
            .header("content-type")
            .unwrap()
            .starts_with("text/plain; version=0.0.4")
    );
    let lines: Vec<_> = metrics.body.lines().filter(|line| line.contains("_count")).collect();
    let counted = |labels: &[&str]| {
        let line = lines
            .iter()
            .find(|line| labels.iter().all(|label| line.contains(label)));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
            .unwrap_or(0)
    };
    let of = |status: &'static str| {
        [
            "stups_http_request_duration_seconds_count{service=\"test\"",
            "route=\"/apps/{id}\"",
            "method=\"GET\"",
            status,
        ]
    };
    assert!(counted(&of("status=\"200\"")) >= 3, "{lines:#?}");
    assert!(counted(&of("status=\"404\"")) >= 1, "{lines:#?}");
    assert!(counted(&["route=\"unmatched\"", "status=\"404\""]) >= 1, "{lines:#?}");
    assert!(
        !metrics.body.contains("/no/such/path"),
        "callers must not make up measurements"
    );
    assert!(metrics.body.contains("process_resident_memory_bytes "));
    assert!(metrics.body.contains("stups_http_requests_in_flight{service=\"test\"}"));
}

#[tokio::test]
async fn status_tells_how_the_jobs_went() {
    let service = friboo().await;
    assert_eq!(service.get_open("/status").await.json()["jobs"]["counting"]["runs"], 0);
    assert!(service.built.jobs.run_once("counting").await);
    assert!(service.built.jobs.run_once("failing").await);
    assert!(!service.built.jobs.run_once("other").await);
    let status = service.get_open("/status").await.json();
    assert_eq!(
        (&status["service"], &status["version"]),
        (&json!("test"), &json!("1.2.3"))
    );
    assert_eq!(status["jobs"]["counting"]["status"], json!({"counted": 3}));
    assert_eq!(status["jobs"]["failing"]["failures"], 1);
    assert!(
        status["jobs"]["failing"]["error"]
            .as_str()
            .unwrap()
            .contains("panicked")
    );
}

#[tokio::test]
async fn started_jobs_run_until_they_are_stopped() {
    let service = friboo().await;
    let running = service.built.jobs.start();
    while service.get_open("/status").await.json()["jobs"]["counting"]["runs"] != 1 {
        tokio::task::yield_now().await;
    }
    running.stop(Duration::from_secs(10)).await;
}

/// Who is not on this machine needs a token.
#[tokio::test]
async fn strangers_do_not_look_inside() {
    let mut environment = environment();
    environment.limits.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let service = start(ErrorShape::Friboo, &environment).await;
    for path in ["/metrics", "/status"] {
        let stranger = [("x-forwarded-for", "203.0.113.9")];
        assert_eq!(
            service.ask(Method::GET, path, &stranger, None).await.status,
            401,
            "{path}"
        );
        let known = [("x-forwarded-for", "203.0.113.9"), ("authorization", "Bearer good")];
        assert_eq!(service.ask(Method::GET, path, &known, None).await.status, 200, "{path}");
    }
    let through_an_unknown_proxy = friboo().await;
    let forwarded = [("x-forwarded-for", "203.0.113.9")];
    assert_eq!(
        through_an_unknown_proxy
            .ask(Method::GET, "/metrics", &forwarded, None)
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn a_database_that_is_gone_is_503_and_not_ready() {
    let service = friboo().await;
    service.store.close().await.unwrap();
    let answer = service.get_open("/.well-known/ready").await;
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
    assert_eq!(service.get_open("/.well-known/health").await.status, 200);
}

#[tokio::test]
async fn shutting_down_finishes_what_is_in_flight_and_takes_nothing_new() {
    let mut service = friboo().await;
    let waiting = service.client.get(format!("{}/wait", service.url)).send();
    let waiting = tokio::spawn(waiting);
    drop(service.gate.entered.acquire().await.unwrap());
    service.stop.take().unwrap().send(()).unwrap();
    let address = service.url.trim_start_matches("http://").to_owned();
    while tokio::net::TcpStream::connect(&address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    service.gate.leave.add_permits(1);
    let answer = waiting.await.unwrap().unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.text().await.unwrap().as_str()),
        (200, "done")
    );
    service.served.await.unwrap().unwrap();
}
