//! People sign up, in and out over the API, and by the commands.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

use std::path::Path;

use serde_json::{Value, json};
use sluice_tests::{Api, Embedded, Ran, eventually, run};

const PASSWORD: &str = "correct horse battery staple";
const OTHER: &str = "eleven blue chairs at noon";

const REGISTER: &str = "mutation($i: UserRegisterInput!) { userRegister(input: $i) {
  accessToken refreshToken expiresAt session { id isCurrent } viewer { user { email } organization { slug } }
  userErrors { code field message help } } }";
const SIGN_IN: &str = "mutation($i: SessionCreateInput!) { sessionCreate(input: $i) {
  accessToken refreshToken session { id } userErrors { code field message } } }";
const REFRESH: &str = "mutation($i: SessionRefreshInput!) { sessionRefresh(input: $i) {
  accessToken refreshToken session { id } userErrors { code message } } }";

/// The answer to somebody with a token.
async fn ask(api: &Api, token: &str, query: &str, variables: Value) -> Value {
    let request = api.post().bearer_auth(token).json(&json!({ "query": query, "variables": variables }));
    request.send().await.unwrap().json().await.unwrap()
}

async fn register(api: &Api, email: &str) -> Value {
    let input = json!({ "email": email, "password": PASSWORD, "displayName": "Grace Hopper" });
    api.data(REGISTER, json!({ "i": input })).await["userRegister"].take()
}

async fn sign_in(api: &Api, email: &str, password: &str) -> Value {
    let input = json!({ "email": email, "password": password });
    api.data(SIGN_IN, json!({ "i": input })).await["sessionCreate"].take()
}

async fn refresh(api: &Api, token: &Value) -> Value {
    api.answer(REFRESH, json!({ "i": { "refreshToken": token } })).await.unwrap()
}

/// Whether a refresh token did not count.
fn is_refused(answer: &Value) -> bool {
    answer["data"]["sessionRefresh"]["userErrors"][0]["code"] == "INVALID"
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn somebody_signs_up_is_recognised_and_signs_out() {
    let server = Embedded::start_with(&[("SLUICE_SIGN_UP", "open")]).await;
    let made = register(&server.api, "Grace@Example.com").await;
    assert_eq!(made["userErrors"], json!([]), "{made}");
    assert_eq!(
        made["viewer"],
        json!({ "user": { "email": "grace@example.com" }, "organization": { "slug": "grace-hopper" } })
    );
    assert_eq!(made["session"]["isCurrent"], true);
    let token = text(&made["accessToken"]);
    let query =
        "{ viewer { user { displayName email isEmailVerified } sessions { id isCurrent userAgent } preferences } }";
    let seen = ask(&server.api, token, query, Value::Null).await;
    assert_eq!(seen["data"]["viewer"]["user"]["displayName"], "Grace Hopper", "{seen}");
    assert_eq!(seen["data"]["viewer"]["sessions"][0]["id"], made["session"]["id"]);
    let update = "mutation { userUpdate(input: { timeZone: \"Europe/Berlin\", preferences: { theme: \"dark\" } }) {
        user { timeZone } userErrors { field message } } }";
    let updated = ask(&server.api, token, update, Value::Null).await;
    assert_eq!(updated["data"]["userUpdate"]["user"]["timeZone"], "Europe/Berlin", "{updated}");
    let out = "mutation { sessionDelete(input: {}) { deletedId userErrors { message } } }";
    let ended = ask(&server.api, token, out, Value::Null).await;
    assert_eq!(ended["data"]["sessionDelete"]["deletedId"], made["session"]["id"], "{ended}");
    let refused = ask(&server.api, token, query, Value::Null).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{refused}");
    assert!(is_refused(&refresh(&server.api, &made["refreshToken"]).await));
}

#[tokio::test]
async fn a_refreshed_session_goes_on_and_a_lost_answer_is_given_again() {
    let server = Embedded::start_with(&[("SLUICE_SIGN_UP", "open")]).await;
    let first = register(&server.api, "grace@example.com").await;
    let second = refresh(&server.api, &first["refreshToken"]).await;
    let again = refresh(&server.api, &first["refreshToken"]).await;
    let token = |answer: &Value| answer["data"]["sessionRefresh"]["refreshToken"].clone();
    assert!(token(&second).is_string() && token(&second) != first["refreshToken"], "{second}");
    assert_eq!(token(&second), token(&again));
    let third = refresh(&server.api, &token(&second)).await;
    assert_eq!(third["data"]["sessionRefresh"]["session"]["id"], first["session"]["id"]);
    let stolen = refresh(&server.api, &first["refreshToken"]).await;
    assert!(is_refused(&stolen), "{stolen}");
    let owner = refresh(&server.api, &token(&third)).await;
    assert!(is_refused(&owner), "{owner}");
}

#[tokio::test]
async fn many_attempts_in_one_document_are_as_many() {
    let server = Embedded::start().await;
    let fields: Vec<String> = (0..20)
        .map(|number| {
            format!(
                "a{number}: sessionCreate(input: {{ email: \"p{number}@example.com\", password: \"guess\" }}) \
                 {{ userErrors {{ code }} }}"
            )
        })
        .collect();
    let document = format!("mutation {{ {} }}", fields.join(" "));
    let answer = server.api.answer(&document, Value::Null).await.unwrap();
    let limited = answer["errors"].as_array().unwrap();
    assert!(limited.len() >= 10, "{answer}");
    for error in limited {
        assert_eq!(error["extensions"]["code"], "RATE_LIMITED", "{error}");
        assert!(error["extensions"]["retryAfter"].as_u64().unwrap() >= 1 && error["extensions"]["isRetryable"] == true);
    }
}

/// The token in the mail with this subject, once it is there.
async fn mailed(folder: &Path, subject: &str) -> String {
    mailed_beside(folder, subject, "").await
}

/// The token in a mail with this subject that is not the one with the token `known`, once it is there.
async fn mailed_beside(folder: &Path, subject: &str, known: &str) -> String {
    let found = || {
        let mails = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let texts = mails.filter(|mail| mail.path().extension().is_some_and(|ending| ending == "eml"));
        let texts = texts.filter_map(|mail| std::fs::read_to_string(mail.path()).ok());
        let mut tokens = texts.filter(|text| text.contains(subject)).filter_map(|text| token_in(&text));
        tokens.find(|token| token != known)
    };
    eventually("the mail is there", || async { found().is_some() }).await;
    found().unwrap()
}

fn token_in(mail: &str) -> Option<String> {
    let text = mail.replace("=\r\n", "").replace("=3D", "=");
    text.split("#token=").nth(1)?.split_whitespace().next().map(str::to_owned)
}

#[tokio::test]
async fn with_mail_an_address_is_confirmed_first_and_a_forgotten_password_is_set_anew() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file:{}", folder.path().display());
    let server = Embedded::start_with(&[("SLUICE_SIGN_UP", "open"), ("SLUICE_MAIL_URL", &url)]).await;
    let made = register(&server.api, "grace@example.com").await;
    assert_eq!((&made["session"], &made["accessToken"], &made["userErrors"]), (&Value::Null, &Value::Null, &json!([])));
    let refused = sign_in(&server.api, "grace@example.com", PASSWORD).await;
    assert_eq!(refused["userErrors"][0]["code"], "INVALID", "{refused}");
    let verify = "mutation($i: EmailVerifyInput!) { emailVerify(input: $i) { email userErrors { message } } }";
    let token = mailed(folder.path(), "Confirm your address").await;
    let verified = server.api.data(verify, json!({ "i": { "token": token } })).await;
    assert_eq!(verified["emailVerify"]["email"], "grace@example.com", "{verified}");
    let before = sign_in(&server.api, "grace@example.com", PASSWORD).await;
    assert!(before["accessToken"].is_string(), "{before}");
    let send =
        "mutation { passwordResetSend(input: { email: \"grace@example.com\" }) { isAccepted userErrors { message } } }";
    assert_eq!(server.api.data(send, Value::Null).await["passwordResetSend"]["isAccepted"], true);
    let token = mailed(folder.path(), "Set a new password").await;
    let reset = "mutation($i: PasswordResetInput!) { passwordReset(input: $i) { email userErrors { message } } }";
    let set = server.api.data(reset, json!({ "i": { "token": token, "newPassword": OTHER } })).await;
    assert_eq!(set["passwordReset"]["email"], "grace@example.com", "{set}");
    let old = refresh(&server.api, &before["refreshToken"]).await;
    assert!(is_refused(&old), "{old}");
    assert!(sign_in(&server.api, "grace@example.com", OTHER).await["accessToken"].is_string());
}

#[tokio::test]
async fn the_commands_keep_a_sign_in_where_only_its_owner_reads_it() {
    use std::os::unix::fs::PermissionsExt;
    let server = Embedded::start_with(&[("SLUICE_SIGN_UP", "open")]).await;
    register(&server.api, "grace@example.com").await;
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("password");
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let config = home.path().to_str().unwrap();
    let variables = [("XDG_CONFIG_HOME", config)];
    let sluice = async |arguments: &[&str]| -> Ran {
        run(&[arguments, &["--url", &server.api.url, "--output", "json"]].concat(), &variables).await
    };
    let nobody = sluice(&["logout"]).await;
    assert_eq!(nobody.code, Some(1), "{nobody:?}");
    let login = ["login", "--email", "grace@example.com", "--url", &server.api.url, "--output", "json"];
    let ran = sluice_tests::run_with_input(&login, &variables, &file).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!ran.out.contains("Token"), "{ran:?}");
    let kept = home.path().join("sluice/credentials.json");
    assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    let who = sluice(&["whoami"]).await;
    assert_eq!(who.json()["user"]["email"], "grace@example.com", "{who:?}");
    // As if eight minutes had passed.
    let mut servers: Value = serde_json::from_str(&std::fs::read_to_string(&kept).unwrap()).unwrap();
    let before = servers[&server.api.url]["accessToken"].clone();
    servers[&server.api.url]["refreshAtMs"] = json!(0);
    std::fs::write(&kept, servers.to_string()).unwrap();
    assert_eq!(sluice(&["whoami"]).await.code, Some(0));
    let servers: Value = serde_json::from_str(&std::fs::read_to_string(&kept).unwrap()).unwrap();
    assert_ne!(servers[&server.api.url]["accessToken"], before);
    assert_eq!(sluice(&["logout"]).await.code, Some(0));
    assert_eq!(sluice(&["logout"]).await.code, Some(1));
    assert!(sluice(&["whoami"]).await.json()["user"].is_null());
}

#[tokio::test]
async fn the_first_owner_is_made_in_the_database_once() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("password");
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let data = home.path().join("data");
    let arguments =
        |email: &'static str| ["bootstrap", "--email", email, "--data-dir", data.to_str().unwrap(), "--output", "json"];
    let made = sluice_tests::run_with_input(&arguments("ada@example.com"), &[], &file).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let refused = sluice_tests::run_with_input(&arguments("eve@example.com"), &[], &file).await;
    assert!(refused.code != Some(0) && refused.err.contains("--force-new-owner"), "{refused:?}");
    let forced = [&arguments("eve@example.com")[..], &["--force-new-owner"]].concat();
    assert_eq!(sluice_tests::run_with_input(&forced, &[], &file).await.code, Some(0));
}

const ASKS: &str = "
workflow_id: asks
steps:
  - id: ask
    type: approval
    approval: { users: [grace@example.com], allow_self: true }
    next: done
  - { id: done, type: action, action: { type: allow } }
";

/// Starts one that asks; its id.
async fn asks(api: &Api, token: &str) -> Value {
    let start = "mutation { executionStart(input: { workflow: { slug: \"asks\" } }) {
        execution { id } userErrors { message } } }";
    let mut started = ask(api, token, start, Value::Null).await;
    assert_eq!(started["data"]["executionStart"]["userErrors"], json!([]), "{started}");
    started["data"]["executionStart"]["execution"]["id"].take()
}

async fn status(api: &Api, token: &str, id: &Value) -> Value {
    let query = "query($id: ID!) { execution(id: $id) { status } }";
    ask(api, token, query, json!({ "id": id })).await["data"]["execution"]["status"].take()
}

/// What a yes with the token of a link brings, without a sign-in.
async fn decide(api: &Api, token: &str) -> Value {
    let query = "mutation($t: String!) { approvalDecideByToken(input: { token: $t, outcome: \"approve\" }) {
        approval { status } userErrors { code message } } }";
    api.data(query, json!({ "t": token })).await["approvalDecideByToken"].take()
}

#[tokio::test]
async fn whoever_may_decide_is_asked_by_mail_and_decides_once_by_its_link() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file:{}", folder.path().display());
    let server = Embedded::start_with(&[("SLUICE_SIGN_UP", "open"), ("SLUICE_MAIL_URL", &url)]).await;
    register(&server.api, "grace@example.com").await;
    let verify = "mutation($i: EmailVerifyInput!) { emailVerify(input: $i) { email userErrors { message } } }";
    let token = mailed(folder.path(), "Confirm your address").await;
    server.api.data(verify, json!({ "i": { "token": token } })).await;
    let grace = sign_in(&server.api, "grace@example.com", PASSWORD).await;
    let grace = text(&grace["accessToken"]);
    let import = "mutation($i: WorkflowImportInput!) { workflowImport(input: $i) { userErrors { message } } }";
    let input = json!({ "files": [{ "path": "asks.yaml", "content": ASKS }], "publish": true });
    let imported = ask(&server.api, grace, import, json!({ "i": input })).await;
    assert_eq!(imported["data"]["workflowImport"]["userErrors"], json!([]), "{imported}");
    let id = asks(&server.api, grace).await;
    let token = mailed(folder.path(), "Your decision is needed").await;
    let decided = decide(&server.api, &token).await;
    assert_eq!(decided["approval"]["status"], "APPROVED", "{decided}");
    eventually("it goes on", || async { status(&server.api, grace, &id).await == "COMPLETED" }).await;
    let again = decide(&server.api, &token).await;
    assert_eq!((&again["approval"], &again["userErrors"][0]["code"]), (&Value::Null, &json!("LINK_USED")), "{again}");

    let id = asks(&server.api, grace).await;
    let token = mailed_beside(folder.path(), "Your decision is needed", &token).await;
    let cancel = "mutation($i: ExecutionCancelInput!) { executionCancel(input: $i) { userErrors { message } } }";
    let cancelled = ask(&server.api, grace, cancel, json!({ "i": { "id": id, "reason": "not needed" } })).await;
    assert_eq!(cancelled["data"]["executionCancel"]["userErrors"], json!([]), "{cancelled}");
    eventually("it has ended", || async { status(&server.api, grace, &id).await == "CANCELLED" }).await;
    let late = decide(&server.api, &token).await;
    let code = &late["userErrors"][0]["code"];
    assert_eq!((&late["approval"], code), (&Value::Null, &json!("WRONG_STATE")), "it was withdrawn: {late}");
}
