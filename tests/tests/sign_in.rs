//! Who comes without credentials, or with wrong ones, to each of the two ways in which Sluice runs.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, Fleet, Services, SharedRedis};

const DOCUMENT: &str = "{ serverInfo { mode } workflows { totalCount } }";

/// Status and answer of a request with these credentials.
async fn ask(api: &Api, credentials: Option<&str>) -> (u16, Value) {
    let mut request = api.post().json(&json!({ "query": DOCUMENT }));
    if let Some(credentials) = credentials {
        request = request.header("authorization", credentials);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn wrong_credentials_are_refused(api: &Api) {
    for wrong in ["Bearer slk_guess", "Bearer guess", "Bearer a.b.c", "Basic b3duZXI6", "Bearer"] {
        let (status, answer) = ask(api, Some(wrong)).await;
        assert_eq!(status, 401, "{wrong}: {answer}");
        assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{wrong}");
        assert!(answer.get("data").is_none(), "{wrong}: {answer}");
    }
}

#[tokio::test]
async fn the_embedded_server_takes_who_comes_without_credentials_for_its_owner_and_refuses_wrong_ones() {
    let server = Embedded::start().await;
    let (status, answer) = ask(&server.api, None).await;
    assert_eq!(status, 200);
    assert!(answer["data"]["workflows"]["totalCount"].is_number(), "{answer}");
    wrong_credentials_are_refused(&server.api).await;
}

#[tokio::test]
async fn a_fleet_shows_who_comes_without_credentials_what_is_public_and_no_more() {
    let test = "a_fleet_shows_who_comes_without_credentials_what_is_public_and_no_more";
    let Some(services) = Services::start(test, SharedRedis::Yes).await else { return };
    let fleet = Fleet::start_guarded(services).await;
    let (status, answer) = ask(&fleet.api, None).await;
    assert_eq!(status, 200);
    assert_eq!(answer["data"], json!({ "serverInfo": { "mode": "CLUSTER" }, "workflows": null }));
    assert_eq!(answer["errors"][0]["path"], json!(["workflows"]));
    assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    wrong_credentials_are_refused(&fleet.api).await;
}
