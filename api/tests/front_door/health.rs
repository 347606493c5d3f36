//! `/livez`, `/readyz`, `/metrics`.

use std::sync::Arc;

use axum::http::StatusCode;
use futures::FutureExt;
use futures::future::BoxFuture;
use ids::OrganizationId;
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::json;
use sluice_api::{Condition, FrontDoor, Health, HealthPart, OwnerOf, Shutdown};
use tower::ServiceExt;

use crate::front_door::support::{config, door, door_with, get, within};

enum Part {
    Well,
    Degraded,
    Away,
    Silent,
}

impl HealthPart for Part {
    fn name(&self) -> &'static str {
        match self {
            Self::Well => "queue",
            Self::Degraded => "worker",
            Self::Away => "database",
            Self::Silent => "notices",
        }
    }

    fn check(&self) -> BoxFuture<'_, Result<Condition, Box<dyn std::error::Error + Send + Sync>>> {
        match self {
            Self::Well => futures::future::ready(Ok(Condition::Well)).boxed(),
            Self::Degraded => futures::future::ready(Ok(Condition::Degraded("without the queue"))).boxed(),
            Self::Away => {
                let error = std::io::Error::other("10.0.0.7:5432 refused the connection");
                futures::future::ready(Err(error.into())).boxed()
            }
            Self::Silent => futures::future::pending().boxed(),
        }
    }

    fn shows(&self) -> Option<serde_json::Value> {
        matches!(self, Self::Away).then(|| json!({ "breaker": "open" }))
    }
}

fn health(parts: Vec<Part>) -> Health {
    Health::new(parts.into_iter().map(|part| Arc::new(part) as Arc<dyn HealthPart>).collect())
}

#[tokio::test]
async fn a_process_is_ready_when_all_its_parts_are() {
    let answer = door_with(config(), health(vec![Part::Well])).send(get("/readyz")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["status"], "ready");
    assert_eq!(answer.json()["parts"][0]["name"], "queue");
}

#[tokio::test]
async fn a_part_that_works_without_something_is_said_to_and_the_process_is_ready() {
    let answer = door_with(config(), health(vec![Part::Well, Part::Degraded])).send(get("/readyz")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["status"], "degraded");
    let part = &answer.json()["parts"][1];
    assert_eq!((&part["status"], &part["note"]), (&json!("degraded"), &json!("without the queue")));
}

#[tokio::test]
async fn what_a_part_shows_is_told_although_it_failed() {
    let answer = door_with(config(), health(vec![Part::Away])).send(get("/readyz")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["status"], "not_ready");
    assert_eq!(answer.json()["parts"][0]["state"], json!({ "breaker": "open" }));
}

#[tokio::test(start_paused = true)]
async fn each_part_that_fails_or_does_not_answer_makes_it_503_without_telling_addresses() {
    let door = door_with(config(), health(vec![Part::Well, Part::Away, Part::Silent]));
    let answer = door.send(get("/readyz")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let report = answer.json();
    let parts: Vec<_> =
        report["parts"].as_array().unwrap().iter().map(|part| (&part["name"], &part["status"])).collect();
    assert_eq!(json!(parts), json!([["queue", "ok"], ["database", "failed"], ["notices", "silent"]]));
    assert!(!answer.text().contains("10.0.0.7"));
    assert_eq!(answer.text().lines().count(), 5, "a line per part: {}", answer.text());
    let alive = door.send(get("/livez")).await;
    assert_eq!(alive.status, StatusCode::OK, "a database that is away is no reason to restart");
}

#[tokio::test]
async fn a_process_that_stops_is_alive_but_not_ready() {
    let door = door();
    door.shutdown.begin();
    assert_eq!(door.send(get("/readyz")).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(door.send(get("/livez")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn metrics_are_served_only_where_they_are_collected() {
    assert_eq!(door().send(get("/metrics")).await.status, StatusCode::NOT_FOUND);
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || metrics::counter!("sluice_test_total").increment(3));
    let router = sluice_api::router(FrontDoor {
        executor: crate::front_door::schema::read_only(),
        health: Health::default(),
        viewers: Arc::new(OwnerOf(OrganizationId::new())),
        metrics: Some(handle),
        single_sign_on: None,
        inbound: None,
        shutdown: Shutdown::new(),
        config: config(),
    });
    let response = within(router.oneshot(get("/metrics"))).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    assert!(String::from_utf8(body.to_vec()).unwrap().contains("sluice_test_total 3"));
}
