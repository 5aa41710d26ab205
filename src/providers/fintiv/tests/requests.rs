//! What the sign-on sends.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_sign_on_is_as_the_vendors_page_has_it() {
    let server = Server::new([signed_on("t-1")]);
    let fintiv = builder(&server).tenant("JANUS").build().unwrap();
    sign_on(fintiv).await.unwrap();
    let seen = server.seen.lock().unwrap();
    let [request] = &seen[..] else {
        panic!("{seen:?}")
    };
    assert_eq!(request.method, Method::POST);
    assert_eq!(request.path, format!("{BASE}/signon"));
    assert_eq!(
        request.body,
        "{\"contextrequest\":{\"tenantName\":\"JANUS\"},\
         \"login\":{\"credentialType\":\"USER\",\"value\":\"cashier@bar.com\"},\
         \"Pass\":{\"securityElementType\":\"password\",\"value\":\"Secret123\"}}"
    );
    assert!(request.marked);
    let headers = &request.headers;
    assert_eq!(headers["api-key"], KEY);
    assert!(headers["api-key"].is_sensitive());
    assert_eq!(headers["tenantname"], "JANUS");
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["accept"], "application/json");
    assert_eq!(headers.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn its_fields_can_be_called_otherwise() {
    let server = Server::new([signed_on("t-1")]);
    let fintiv = builder(&server)
        .credentials("a\"b", "c\\d\u{1}é")
        .sign_on_context_field("contextRequest")
        .sign_on_password_field("pass")
        .credential_type("EMAIL")
        .api_key_header(HeaderName::from_static("x-key"))
        .sign_on_url("https://api-cloudpay-dev.fintiv.co/payment/api/v1/services/signon/")
        .build()
        .unwrap();
    sign_on(fintiv).await.unwrap();
    let seen = server.seen.lock().unwrap();
    let url = "https://api-cloudpay-dev.fintiv.co/payment/api/v1/services/signon";
    assert_eq!(seen[0].path, url);
    let body: Value = serde_json::from_str(&seen[0].body).unwrap();
    let expected = json!({
        "contextRequest": {},
        "login": {"credentialType": "EMAIL", "value": "a\"b"},
        "pass": {"securityElementType": "password", "value": "c\\d\u{1}é"},
    });
    assert_eq!(body, expected);
    let headers = &seen[0].headers;
    assert_eq!(headers["x-key"], KEY);
    assert!(!headers.contains_key("api-key") && !headers.contains_key("tenantname"));
}
