//! Events that servers send to each other, and the handlers of those.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use fanfare::{Ack, Data, EmitError, EventName, ExtractError, HandlerError, Namespace, RawArgs, Server, State, Value};
use serde_json::json;

use crate::loopback::Loopback;

/// Two servers; the failures of the second are noted.
fn servers() -> (Server, Server, Arc<Mutex<Vec<String>>>) {
    let bus = Loopback::default();
    let failures = Arc::new(Mutex::new(Vec::new()));
    let noted = failures.clone();
    let builder = Server::builder().serve_client(false).adapter(bus.clone());
    let first = builder.build().expect("the options are valid");
    let builder = Server::builder().serve_client(false).adapter(bus).state("state");
    let second = builder.on_failure(move |failure| {
        noted.lock().unwrap().push(format!("{:?} {} {:?}", failure.socket, failure.event, failure.kind));
    });
    (first, second.build().expect("the options are valid"), failures)
}

async fn ask(io: &Server, event: &str, args: impl fanfare::EmitArgs) -> serde_json::Value {
    let asking = io.server_side_emit_with_ack(event, args);
    let answers = tokio::time::timeout(Duration::from_secs(5), asking).await.expect("an answer").expect("one each");
    assert_eq!(answers.len(), 1);
    answers[0].read().expect("it is JSON")
}

#[tokio::test]
async fn what_a_handler_returns_is_the_answer() {
    let (first, second, _) = servers();
    second
        .on("nothing", async || ())
        .on("text", async || "text")
        .on("first of several", async || (1, 2))
        .on("data", async |Data(a): Data<u8>, Data(b): Data<Option<String>>| Data(json!({"a": a, "b": b})))
        .on("later", async || {
            tokio::task::yield_now().await;
            7
        })
        .on("kept", async |ack: Ack| {
            assert!(ack.is_requested());
            tokio::spawn(async move { ack.send(("kept", "ignored")) });
            "what it returns does not matter then"
        })
        .on("two handlers", async || "first")
        .on("two handlers", async || "second");
    assert_eq!(ask(&first, "nothing", ()).await, json!(null));
    assert_eq!(ask(&first, "text", ()).await, json!("text"));
    assert_eq!(ask(&first, "first of several", ()).await, json!(1));
    assert_eq!(ask(&first, "data", (1, "x")).await, json!({"a": 1, "b": "x"}));
    assert_eq!(ask(&first, "data", &2).await, json!({"a": 2, "b": null}));
    assert_eq!(ask(&first, "later", ()).await, json!(7));
    assert_eq!(ask(&first, "kept", ()).await, json!("kept"));
    assert_eq!(ask(&first, "two handlers", ()).await, json!("first"));
}

#[tokio::test]
async fn handlers_get_what_they_ask_for() {
    let (first, second, _) = servers();
    second.of("/chat").on(
        "e",
        async |io: Server,
               chat: Namespace,
               EventName(name): EventName,
               State(state): State<&'static str>,
               args: RawArgs| {
            assert_eq!(io.of("/chat"), chat);
            let bytes = args.as_args().reader().next::<Bytes>().expect("one argument");
            Data((name, chat.name().to_owned(), state, bytes.is_ok()))
        },
    );
    second.on("e", async |text: Result<Data<String>, ExtractError>| text.is_err());
    let answers = first.of("/chat").server_side_emit_with_ack("e", &Bytes::from_static(b"data")).await.unwrap();
    assert_eq!(answers[0].read(), Ok(json!(["e", "/chat", "state", true])));
    assert_eq!(ask(&first, "e", &1).await, json!(true));
}

#[tokio::test]
async fn binary_data_goes_there_and_back() {
    let (first, second, _) = servers();
    second.on("echo", async |Data(value): Data<Value>| value);
    let sent = (Bytes::from_static(&[0, 255]), [Bytes::new()]);
    let answers = first.server_side_emit_with_ack("echo", &sent).await.unwrap();
    assert_eq!(answers[0].read(), Ok(sent));
}

#[tokio::test]
async fn a_handler_that_fails_answers_with_an_error() {
    let (first, second, failures) = servers();
    second
        .on("wrong shape", async |_: Data<u8>| "never")
        .on("refused", async || Err::<(), _>(HandlerError::for_client("no")))
        .on("failed", async || Err::<(), _>(EmitError::Disconnected))
        .on("panicked", async || -> () { panic!("a secret") });
    let wrong = ask(&first, "wrong shape", "text").await;
    assert!(wrong["error"].as_str().is_some_and(|error| error.starts_with("argument 0: ")), "{wrong}");
    assert_eq!(ask(&first, "refused", ()).await, json!({"error": "no"}));
    assert_eq!(ask(&first, "failed", ()).await, json!({"error": "internal error"}));
    assert_eq!(ask(&first, "panicked", ()).await, json!({"error": "internal error"}));
    let failures = failures.lock().unwrap();
    assert_eq!(failures.len(), 4);
    assert!(failures[0].starts_with("None wrong shape Extract("), "{failures:?}");
    assert_eq!(failures[3], r#"None panicked Panicked("a secret")"#);
}

#[tokio::test]
async fn an_event_that_nobody_handles_is_not_answered() {
    let (first, second, _) = servers();
    second.on("known", async || "answer");
    let asking = first.server_side_emit_with_ack("unknown", ());
    // This one's queue drops the question, so that nobody can answer any more.
    assert!(tokio::time::timeout(Duration::from_secs(5), asking).await.expect("an end").is_err());
    assert_eq!(ask(&first, "known", ()).await, json!("answer"));
}

#[tokio::test]
async fn some_names_are_reserved() {
    let (first, second, _) = servers();
    for name in ["connect", "connection", "new_namespace"] {
        second.on(name, async || -> () { panic!("never") });
        assert_eq!(first.server_side_emit(name, ()).await, Err(EmitError::Reserved(name.to_owned())));
        assert!(first.server_side_emit_with_ack(name, ()).await.is_err());
    }
}
