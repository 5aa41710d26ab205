use super::*;

/// Returns the data of the newest `auth.mfa-required`, after this many deliveries in all.
async fn asked(trio: &Trio, deliveries: usize) -> Value {
    let asked = trio.events(deliveries, "auth.mfa-required").await;
    asked.last().unwrap()["payload"]["data"].clone()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn questions_are_asked_and_answered() {
    let builder = Simulator::builder()
        .question("One?", "1")
        .question("Two?", "2");
    let trio = start(builder).await;
    trio.create("testmfaquestion").await;
    let data = asked(&trio, 2).await;
    assert_eq!(data["method"], "questions");
    assert_eq!(data["company"]["_id"], COMPANY);
    let (one, two) = (&data["mfa"][0], &data["mfa"][1]);
    assert_eq!(one["question"], "One?");
    assert_eq!(two["question"], "Two?");
    let event = &trio.webhook.events()[1];
    assert_eq!(event["clientId"], CLIENT);
    let resource = json!({ "type": "client", "id": CLIENT });
    assert_eq!(event["payload"]["resource"], resource);
    let told = json!({ "method": "questions", "mfa": data["mfa"] });
    let status = json!({ "type": "mfa-required", "mfa": told });
    assert_eq!(trio.status().await, status);

    let answers = json!([
        { "answer": "2", "identifier": two["identifier"] },
        { "answer": "1", "identifier": one["identifier"] },
    ]);
    let answer = trio.step(text(&data["token"]), answers).await;
    assert_eq!(answer.json(), json!({ "success": true }));
    assert_eq!(trio.kinds(3).await[2], "auth.success");
    let counts = trio.counts();
    assert_eq!((counts.steps, counts.steps_ok), (1, 1));
    assert_eq!(counts.wrong_answers, 0);
    trio.assert_clean();
}

#[tokio::test]
async fn a_wrong_answer_is_asked_for_again_with_a_new_token() {
    let trio = start(Simulator::builder().mfa_retries(1)).await;
    trio.create("testmfaquestion").await;
    let first = asked(&trio, 2).await;
    let answer = |data: &Value, answer: &str| {
        let identifier = &data["mfa"][0]["identifier"];
        json!([{ "answer": answer, "identifier": identifier }])
    };
    trio.step(text(&first["token"]), answer(&first, "rex"))
        .await;
    let second = asked(&trio, 3).await;
    assert_ne!(second["token"], first["token"]);
    let wrong = answer(&second, "Max");
    let taken = trio.step(text(&second["token"]), wrong).await;
    assert_eq!(taken.status, 200);
    let failed = trio.events(4, "auth.failed").await;
    let reason = &failed[0]["payload"]["data"]["reason"];
    assert_eq!(reason["message"], "The answer is wrong.");
    assert_eq!(trio.counts().wrong_answers, 2);

    // Another attempt has as many tries again.
    trio.create("testmfaquestion").await;
    let third = asked(&trio, 5).await;
    trio.step(text(&third["token"]), answer(&third, "rex"))
        .await;
    assert_eq!(trio.kinds(6).await[5], "auth.mfa-required");
    trio.assert_clean();
}

#[tokio::test]
async fn a_token_is_used_once() {
    let trio = start_default().await;
    trio.create("testmfaquestion").await;
    let data = asked(&trio, 2).await;
    let answers = json!([{ "answer": "Rex", "identifier": data["mfa"][0]["identifier"] }]);
    for status in [200, 400] {
        let answer = trio.step(text(&data["token"]), answers.clone()).await;
        assert_eq!(answer.status, status);
    }
    assert_eq!(
        trio.server.violations(),
        ["auth step: the token of a step is used again"]
    );
    assert_eq!(trio.counts().reused_step_tokens, 1);
    assert_eq!(trio.kinds(3).await[2], "auth.success");

    assert_eq!(trio.step("never-issued", answers).await.status, 400);
    let counts = trio.counts();
    assert_eq!((counts.unknown_step_tokens, counts.violations), (1, 1));
    assert_eq!((counts.steps, counts.steps_ok), (3, 1));
    assert_eq!(counts.events, 3);
}

#[tokio::test]
async fn the_token_of_an_auth_that_began_anew_is_void() {
    let trio = start_default().await;
    trio.create("testmfaquestion").await;
    let data = asked(&trio, 2).await;
    trio.create("test").await;
    let answers = json!([{ "answer": "Rex", "identifier": data["mfa"][0]["identifier"] }]);
    let answer = trio.step(text(&data["token"]), answers).await;
    assert_eq!(answer.status, 400);
    assert_eq!(trio.counts().reused_step_tokens, 0);
    trio.assert_clean();
}

#[tokio::test]
async fn answers_have_to_be_to_the_questions_asked() {
    let trio = start_default().await;
    trio.create("testmfaquestion").await;
    let data = asked(&trio, 2).await;
    let identifier = &data["mfa"][0]["identifier"];
    let rex = json!({ "answer": "Rex", "identifier": identifier });
    let other = json!({ "answer": "Rex", "identifier": "other" });
    let strange = "auth step: the answers are not to the questions asked";
    let chosen = "auth step: a way for a code is chosen where questions were asked";
    let wrong = [
        (json!([]), strange),
        (json!([rex, rex]), strange),
        (json!([rex, other]), strange),
        (json!({ "identifier": identifier }), chosen),
    ];
    for (number, (mfa, sentence)) in wrong.into_iter().enumerate() {
        let answer = trio.step(text(&data["token"]), mfa).await;
        assert_eq!(answer.status, 400);
        assert_eq!(trio.server.violations()[number], sentence);
    }
    // None of them used the token.
    let answer = trio.step(text(&data["token"]), json!([rex])).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_code_is_sent_where_it_is_wanted_and_given_with_the_same_token() {
    let trio = start_default().await;
    trio.create("testmfacode").await;
    let event = &trio.events(2, "auth.mfa-required").await[0];
    for absent in ["clientId", "partnerId", "identifier"] {
        assert!(event.get(absent).is_none(), "{absent}");
    }
    assert_eq!(event["payload"]["resource"]["id"], CLIENT);
    let data = &event["payload"]["data"];
    assert_eq!(data["method"], "code");
    let ways = data["mfa"].as_array().unwrap();
    let kinds: Vec<_> = ways.iter().map(|way| text(&way["type"])).collect();
    assert_eq!(kinds, ["email", "phone", "text"]);
    let told = |way: &Value| way["mask"].is_string() && way["label"].is_string();
    assert!(ways.iter().all(told));
    assert_eq!(trio.server.latest_code(CLIENT), None);

    let token = text(&data["token"]);
    let identifier = &ways[1]["identifier"];
    let choice = json!({ "identifier": identifier });
    let chosen = trio.step(token, choice).await;
    assert_eq!(chosen.json(), json!({ "success": true }));
    let code = trio.server.next_code(CLIENT).await;
    assert_eq!(trio.server.latest_code(CLIENT).as_deref(), Some(&*code));
    let given = json!([{ "answer": code, "identifier": identifier }]);
    assert_eq!(trio.step(token, given.clone()).await.status, 200);
    assert_eq!(trio.kinds(3).await[2], "auth.success");
    assert_eq!(trio.counts().codes_sent, 1);
    trio.assert_clean();

    assert_eq!(trio.step(token, given).await.status, 400);
    assert_eq!(trio.counts().reused_step_tokens, 1);
}

#[tokio::test]
async fn a_code_may_be_asked_for_as_a_question() {
    let trio = start(Simulator::builder().code_as_question(true)).await;
    trio.create("testmfacode").await;
    let data = asked(&trio, 2).await;
    let choice = json!({ "identifier": data["mfa"][0]["identifier"] });
    trio.step(text(&data["token"]), choice.clone()).await;
    let question = asked(&trio, 3).await;
    assert_eq!(question["method"], "questions");
    assert_ne!(question["token"], data["token"]);
    let code = trio.server.next_code(CLIENT).await;
    let identifier = &question["mfa"][0]["identifier"];
    // The first token ended with the choice.
    let way = &choice["identifier"];
    let early = json!([{ "answer": code, "identifier": way }]);
    let answer = trio.step(text(&data["token"]), early).await;
    assert_eq!(answer.status, 400);
    assert_eq!(trio.counts().reused_step_tokens, 1);

    let answers = json!([{ "answer": code, "identifier": identifier }]);
    trio.step(text(&question["token"]), answers).await;
    assert_eq!(trio.kinds(4).await[3], "auth.success");
    assert_eq!(trio.counts().violations, 1);
}

#[tokio::test]
async fn the_steps_of_a_code_come_in_order() {
    let trio = start_default().await;
    trio.create("testmfacode").await;
    let data = asked(&trio, 2).await;
    let token = text(&data["token"]);
    let way = &data["mfa"][0]["identifier"];
    let other = &data["mfa"][1]["identifier"];
    let choice = json!({ "identifier": way });
    let early = json!([{ "answer": "123456", "identifier": way }]);
    let unknown = json!({ "identifier": "other" });
    assert_eq!(trio.step(token, early).await.status, 400);
    assert_eq!(trio.step(token, unknown).await.status, 400);
    assert_eq!(trio.step(token, choice.clone()).await.status, 200);
    let code = trio.server.next_code(CLIENT).await;
    let misnamed = json!([{ "answer": code, "identifier": other }]);
    assert_eq!(trio.step(token, misnamed).await.status, 400);
    assert_eq!(trio.step(token, choice).await.status, 400);
    assert_eq!(
        trio.server.violations(),
        [
            "auth step: an answer comes before a way for the code was chosen",
            "auth step: the way chosen for the code was not offered",
            "auth step: the code does not name the way it came",
            "auth step: the token of a step is used again",
        ]
    );
    assert_eq!(trio.counts().codes_sent, 1);
}

#[tokio::test]
async fn a_wrong_code_leads_back_to_the_choice() {
    let trio = start_default().await;
    trio.create("testmfacode").await;
    let data = asked(&trio, 2).await;
    let way = &data["mfa"][2]["identifier"];
    let token = text(&data["token"]);
    trio.step(token, json!({ "identifier": way })).await;
    let code = trio.server.next_code(CLIENT).await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let given = json!([{ "answer": wrong, "identifier": way }]);
    trio.step(token, given).await;
    let again = asked(&trio, 3).await;
    assert_eq!(again["mfa"].as_array().unwrap().len(), 3);
    let way = &again["mfa"][0]["identifier"];
    let token = text(&again["token"]);
    trio.step(token, json!({ "identifier": way })).await;
    let code = trio.server.next_code(CLIENT).await;
    let given = json!([{ "answer": code, "identifier": way }]);
    trio.step(token, given).await;
    assert_eq!(trio.kinds(4).await[3], "auth.success");
    let counts = trio.counts();
    assert_eq!((counts.codes_sent, counts.wrong_answers), (2, 1));
    trio.assert_clean();
}

#[tokio::test]
async fn a_prompt_is_answered_on_the_phone() {
    let trio = start_default().await;
    assert!(!trio.server.answer_prompt(CLIENT, true));
    trio.create("testmfaprompt").await;
    let data = asked(&trio, 2).await;
    assert_eq!(data["method"], "prompt");
    assert_eq!(data["mfa"], json!([]));
    let answer = trio.step(text(&data["token"]), json!([])).await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        trio.server.violations(),
        ["auth step: a prompt is answered on the phone alone"]
    );
    assert!(trio.server.answer_prompt(CLIENT, true));
    assert!(!trio.server.answer_prompt(CLIENT, true));
    assert_eq!(trio.kinds(3).await[2], "auth.success");

    trio.create("testmfaprompt").await;
    trio.server.wait_for_deliveries(4).await;
    assert!(trio.server.answer_prompt(CLIENT, false));
    assert_eq!(trio.kinds(5).await[4], "auth.failed");
}

#[tokio::test]
async fn questions_may_be_answered_without_the_token() {
    let trio = start_default().await;
    let id = trio.create("testmfaquestion").await;
    let status = trio.status().await;
    let identifier = &status["mfa"]["mfa"][0]["identifier"];
    let answers = json!({ "answers": [{ "answer": "Rex", "identifier": identifier }] });
    let path = format!("/auth/{id}/answer-questions");
    let answer = trio.post(&path, &answers).await;
    assert_eq!(answer.json(), json!({ "success": true }));
    assert_eq!(trio.kinds(3).await[2], "auth.success");
    trio.assert_clean();

    assert_eq!(trio.post(&path, &answers).await.status, 400);
    assert_eq!(
        trio.server.violations(),
        ["answer questions: an auth that asks nothing is answered"]
    );
    let unknown = "/auth/unknown/answer-questions";
    assert_eq!(trio.post(unknown, &answers).await.status, 404);
    let counts = trio.counts();
    assert_eq!((counts.answers, counts.answers_ok), (3, 1));
    assert_eq!(counts.steps, 0);
}
