//! Every captured message is read as what it was recorded to be, and written again to the same bytes.

use fanfare_proto::cluster::{
    Asked, Awaited, Classic, Event, Incoming, Node, Opts, Publish, Request, Response, Sharded, SubscriptionMode, Wire,
};
use fanfare_proto::socket::{Args, EncodeError, Parser, Value};
use serde_json::Value as Json;
use std::time::{Duration, Instant};

use crate::notation::{cases, frames, same, unhex, value, values};

#[test]
fn classic_messages() {
    check_file("classic", 78);
}

#[test]
fn messages_of_older_classic_adapters() {
    check_file("legacy", 9);
}

#[test]
fn sharded_messages() {
    check_file("sharded", 38);
}

#[test]
fn emitted_messages() {
    check_file("emitter", 12);
}

#[test]
fn subscriptions() {
    let classic = Node::new(Wire::Classic(Classic::node("socket.io", "/", "zWK9Y-")));
    let expected = commands("classic", "classic-startup");
    assert_eq!(shown(&classic), expected);
    let sharded =
        Node::new(Wire::Sharded(Sharded::node("socket.io", "/", &uid_of("sharded-startup"), Default::default())));
    assert_eq!(shown(&sharded), commands("sharded", "sharded-startup"));
}

#[test]
fn glob_characters_of_a_namespace_stand_for_themselves() {
    let node = Node::new(Wire::Classic(Classic::node("p", "/a*[b]?\\", "uid")));
    let pattern = shown(&node).remove(0);
    assert_eq!(pattern, ["PSUBSCRIBE", "p#/a\\*\\[b\\]\\?\\\\#*"]);
}

fn shown(node: &Node) -> Vec<Vec<String>> {
    use fanfare_proto::cluster::Subscription::{Channel, Pattern, Sharded};
    let mut commands: Vec<Vec<String>> = Vec::new();
    for subscription in node.wire().subscriptions() {
        let (command, channel) = match subscription {
            Pattern(channel) => ("PSUBSCRIBE", channel),
            Channel(channel) => ("SUBSCRIBE", channel),
            Sharded(channel) => ("SSUBSCRIBE", channel),
        };
        match commands.last_mut() {
            // Sharded channels may be in different slots, so each needs a command of its own.
            Some(last) if last[0] == command && command != "SSUBSCRIBE" => last.push(channel),
            _ => commands.push(vec![command.to_owned(), channel]),
        }
    }
    commands
}

fn commands(file: &str, id: &str) -> Vec<Vec<String>> {
    let case = cases(file).into_iter().find(|case| case["id"] == id).expect("there is such a case");
    let argv = |message: &Json| -> Vec<String> {
        let mut argv: Vec<String> = serde_json::from_value(message["argv"].clone()).expect("words");
        argv[0] = argv[0].to_uppercase();
        argv
    };
    case["messages"].as_array().expect("messages").iter().map(argv).collect()
}

/// The uid in the last channel of a startup.
fn uid_of(id: &str) -> String {
    let last = commands("sharded", id).pop().and_then(|mut argv| argv.pop()).expect("a channel");
    last.trim_end_matches('#').rsplit('#').next().expect("a uid").to_owned()
}

/// Checks the published messages of a file, of which there are at least so many.
fn check_file(file: &str, at_least: usize) {
    let mut checked = 0;
    for case in cases(file) {
        for message in case["messages"].as_array().into_iter().flatten() {
            // A parser that was exchanged for another is no format of ours.
            if message["payload_hex"].is_string() && message["payload_format"] != "raw" {
                check_message(&case, message);
                checked += 1;
            }
        }
    }
    assert!(checked >= at_least, "{file}: only {checked} messages");
}

fn check_message(case: &Json, message: &Json) {
    let id = case["id"].as_str().expect("a case has an id");
    let channel = message["channel"].as_str().expect("a channel");
    let payload = unhex(message["payload_hex"].as_str().expect("a payload"));
    let (prefix, namespace) = names(channel);
    let sharded = message["command"] == "SPUBLISH";
    let wire = |uid: &str| match sharded {
        true => Wire::Sharded(Sharded::node(&prefix, &namespace, uid, mode(id))),
        false if uid == "emitter" => Wire::Classic(Classic::emitter(&prefix, &namespace)),
        false => Wire::Classic(Classic::node(&prefix, &namespace, uid)),
    };
    let mut reader = Node::new(wire("reader"));
    expect_answers(&mut reader, &message["decoded"]);
    let incoming = reader.handle_message(channel, &payload, |_| true).unwrap_or_else(|error| panic!("{id}: {error}"));
    check_view(case, message, &incoming);

    // What another library has written differently cannot come out the same.
    if FOREIGN_BYTES.contains(&id) {
        return;
    }
    let sender = message["decoded"][0].as_str().or_else(|| message["decoded"]["uid"].as_str());
    let writer = Node::new(wire(sender.unwrap_or("emitter")));
    let written = rewrite(&writer, channel, &incoming, sharded).unwrap_or_else(|error| panic!("{id}: {error}"));
    let Some(written) = written else { return };
    assert_eq!(String::from_utf8_lossy(&written.payload), String::from_utf8_lossy(&payload), "{id}");
    assert_eq!(written.payload, payload, "{id}");
    assert_eq!(written.channel, channel, "{id}");
}

/// Prefix and namespace of a channel.
fn names(channel: &str) -> (String, String) {
    let (prefix, rest) = channel.split_once('#').expect("a channel has a prefix");
    let namespace = rest.split('#').next().expect("a namespace").to_owned();
    let prefix = prefix.strip_suffix("-request").or_else(|| prefix.strip_suffix("-response")).unwrap_or(prefix);
    (prefix.to_owned(), namespace)
}

fn mode(id: &str) -> SubscriptionMode {
    if id.contains("private") {
        SubscriptionMode::DynamicPrivate
    } else if id.contains("static") {
        SubscriptionMode::Static
    } else {
        SubscriptionMode::Dynamic
    }
}

/// Has the node wait for whatever an answer answers.
fn expect_answers(node: &mut Node, decoded: &Json) {
    let answer = if decoded["data"]["requestId"].is_string() { &decoded["data"] } else { decoded };
    let Some(id) = answer["requestId"].as_str() else { return };
    let what = if answer["sockets"].is_array() {
        Awaited::Sockets
    } else if answer["rooms"].is_array() {
        Awaited::Rooms
    } else if decoded["type"] == 6 || decoded["type"] == 10 {
        Awaited::Answers
    } else {
        Awaited::Acks
    };
    node.expect(id, what, Asked { nodes: 1, until: Instant::now() + Duration::from_secs(5) });
}

/// Compares what was read with the recorded view of the message, and events with what clients received.
fn check_view(case: &Json, message: &Json, incoming: &Incoming<'_>) {
    let (id, decoded) = (&case["id"], &message["decoded"]);
    let data = if decoded["data"].is_object() && decoded["nsp"].is_string() { &decoded["data"] } else { decoded };
    match incoming {
        Incoming::Request(Request::Broadcast { event, opts, unwanted_ack, .. }, _) => {
            let packet = if decoded.is_array() { &decoded[1] } else { &data["packet"] };
            check_event(event, &packet["data"], id);
            let recorded = if decoded.is_array() { &decoded[2] } else { &data["opts"] };
            check_opts(opts, recorded, id);
            assert_eq!(*unwanted_ack, !packet["id"].is_null(), "{id}");
            check_frames(case, message["channel"].as_str().expect("a channel"), event);
        }
        Incoming::Request(Request::ServerSideEmit { event, .. }, _) => {
            let recorded = if data["packet"].is_array() { &data["packet"] } else { &data["data"] };
            check_event(event, recorded, id);
        }
        Incoming::Request(Request::SocketsJoin { opts, rooms } | Request::SocketsLeave { opts, rooms }, _) => {
            check_opts(opts, &data["opts"], id);
            assert_eq!(
                Json::from(rooms.iter().map(|room| Json::from(&**room)).collect::<Vec<_>>()),
                data["rooms"],
                "{id}"
            );
        }
        Incoming::Request(Request::DisconnectSockets { opts, close }, _) => {
            check_opts(opts, &data["opts"], id);
            assert_eq!(Json::from(*close), data["close"], "{id}");
        }
        Incoming::Request(Request::FetchSockets { opts, .. }, requester) => {
            check_opts(opts, &data["opts"], id);
            assert!(requester.is_some(), "{id}");
        }
        Incoming::Request(_, requester) => assert!(requester.is_some(), "{id}"),
        Incoming::ClientCount(_, count) => assert_eq!(Json::from(*count), data["clientCount"], "{id}"),
        Incoming::Ack(_, args) => check_arg(args, data.get("packet"), id),
        Incoming::Answered(_, gathered) => check_gathered(gathered, data, id),
        // Answers to requests that are no longer asked.
        Incoming::Unasked if id.as_str().is_some_and(|id| id.starts_with("legacy")) => {}
        other => panic!("{id}: {other:?}"),
    }
}

fn check_event(event: &Event<'_>, recorded: &Json, id: &Json) {
    let recorded = recorded.as_array().expect("an event is an array");
    assert_eq!(event.name, recorded[0].as_str().expect("its name comes first"), "{id}");
    check_values(&args(event), &recorded[1..], id);
}

fn args<'a>(event: &Event<'a>) -> Args<'a> {
    match event.args {
        fanfare_proto::cluster::EventArgs::Received(args) => args,
        fanfare_proto::cluster::EventArgs::Emit(_) => panic!("it was received"),
    }
}

fn check_values(args: &Args<'_>, recorded: &[Json], id: &Json) {
    let read = values(args);
    let recorded: Vec<Value> = recorded.iter().map(value).collect();
    assert!(same(&read.clone().into(), &recorded.clone().into()), "{id}: {read:?} is not {recorded:?}");
}

fn check_arg(args: &Args<'_>, recorded: Option<&Json>, id: &Json) {
    check_values(args, recorded.map_or(&[], std::slice::from_ref), id);
}

fn check_opts(opts: &Opts<'_>, recorded: &Json, id: &Json) {
    let names = |list: &Json| -> Vec<String> {
        let name = |name: &Json| name.as_str().map_or_else(|| name.to_string(), str::to_owned);
        list.as_array().map(|names| names.iter().map(name).collect()).unwrap_or_default()
    };
    assert_eq!(opts.rooms, names(&recorded["rooms"]), "{id}");
    assert_eq!(opts.except, names(&recorded["except"]), "{id}");
    let flags = &recorded["flags"];
    assert_eq!(opts.flags.volatile, flags["volatile"] == true, "{id}");
    assert_eq!(opts.flags.compress, flags["compress"].as_bool(), "{id}");
    assert_eq!(opts.flags.timeout.map(|timeout| timeout.as_millis() as u64), flags["timeout"].as_u64(), "{id}");
}

fn check_gathered(gathered: &fanfare_proto::cluster::Gathered, data: &Json, id: &Json) {
    use fanfare_proto::cluster::Gathered;
    match gathered {
        Gathered::Sockets(sockets) => {
            let recorded = data["sockets"].as_array().expect("sockets");
            assert_eq!(sockets.len(), recorded.len(), "{id}");
            for (socket, recorded) in sockets.iter().zip(recorded) {
                let read = Value::of(socket).expect("a socket can be written");
                assert!(same(&read, &value(recorded)), "{id}: {read:?}");
            }
        }
        Gathered::Rooms(rooms) => {
            let recorded: std::collections::BTreeSet<String> = serde_json::from_value(data["rooms"].clone()).unwrap();
            assert_eq!(*rooms, recorded, "{id}");
        }
        Gathered::Answers(answers) => {
            let member = if data["clientCount"].is_null() && data["packet"].is_null() { "data" } else { "packet" };
            check_arg(&answers[0].0.as_args(), data.get(member), id);
        }
        Gathered::Acks => panic!("{id}: acknowledgements are handed on one by one"),
    }
}

/// The event must reach some client in the very frames that a Node.js server sent.
fn check_frames(case: &Json, channel: &str, event: &Event<'_>) {
    let Some(clients) = case["client_frames"].as_object().filter(|clients| !clients.is_empty()) else { return };
    let (_, namespace) = names(channel);
    let packet =
        Parser::Json.encode_event(&namespace, None, &event.name, &event.args, None).expect("it can be written");
    let mut sent = vec![Ok(String::from_utf8(packet.head.as_slice().to_vec()).expect("text"))];
    sent.extend(packet.attachments.into_iter().map(Err));
    let received: Vec<_> = clients.values().map(frames).collect();
    // Acknowledgement ids and offsets are the server's own, and other namespaces are not in question here.
    let comparable = received.iter().filter(|frames| frames.iter().flatten().any(|text| text.starts_with(['2', '5'])));
    let comparable: Vec<_> = comparable.filter(|frames| is_plain(&frames[0])).collect();
    let found = comparable.iter().any(|frames| frames.windows(sent.len()).any(|window| window == sent));
    assert!(
        comparable.is_empty() || found || OTHER_FRAMES.contains(&case["id"].as_str().expect("an id")),
        "{}: {sent:?} is not in {received:?}",
        case["id"]
    );
}

/// Whether a frame is an event that nobody has to acknowledge.
fn is_plain(frame: &Result<String, bytes::Bytes>) -> bool {
    frame.as_ref().is_ok_and(|text| {
        let behind_type = text[1..].trim_start_matches(|c: char| c.is_ascii_digit());
        (text.starts_with("2[") || text.starts_with("2/")) || text.starts_with('5') && behind_type.starts_with("-[")
    })
}

/// Writes what was read once more.
fn rewrite(
    writer: &Node,
    channel: &str,
    incoming: &Incoming<'_>,
    sharded: bool,
) -> Result<Option<Publish>, EncodeError> {
    let uid = channel.trim_end_matches('#').rsplit('#').next().unwrap_or_default().to_owned();
    let answer = |id: &str, response: Response<'_>| -> Result<Option<Publish>, EncodeError> {
        let requester = requester(&uid, id, channel, sharded);
        let mut publish = writer.wire().respond(&requester, &response)?;
        if !sharded && channel.matches('#').count() > 2 {
            // The node that answered was told to use the channel of the one that asked.
            publish.channel = channel.to_owned();
        }
        Ok(Some(publish))
    };
    match incoming {
        Incoming::Request(request, _) => writer.wire().request(request).map(Some),
        Incoming::ClientCount(id, count) => answer(id, Response::ClientCount(*count)),
        Incoming::Ack(id, args) => answer(id, Response::Ack(*args)),
        Incoming::Answered(id, fanfare_proto::cluster::Gathered::Answers(answers)) => {
            answer(id, Response::ServerSideEmit(answers[0].0.as_args()))
        }
        Incoming::Answered(id, fanfare_proto::cluster::Gathered::Rooms(rooms)) => {
            // A set has forgotten their order.
            let rooms = rooms.iter().map(|room| room.as_str().into()).collect();
            answer(id, Response::Rooms(rooms)).map(|_| None)
        }
        _ => Ok(None),
    }
}

/// Makes a requester, which only a message can do.
fn requester(uid: &str, id: &str, channel: &str, sharded: bool) -> fanfare_proto::cluster::Requester {
    let (prefix, namespace) = names(channel);
    let (wire, reader) = if sharded {
        let node = |uid: &str| Wire::Sharded(Sharded::node(&prefix, &namespace, uid, SubscriptionMode::Dynamic));
        (node(uid), node("reader"))
    } else {
        let node = |uid: &str| Wire::Classic(Classic::node(&prefix, &namespace, uid));
        (node(uid), node("reader"))
    };
    let request = Request::FetchSockets { opts: Opts::default(), id: id.into() };
    let asked = wire.request(&request).expect("a request can be written");
    match Node::new(reader).handle_message(&asked.channel, &asked.payload, |_| true) {
        Ok(Incoming::Request(_, Some(requester))) => requester,
        other => panic!("a request was written: {other:?}"),
    }
}

/// Cases whose bytes depend on what the message no longer says: another MessagePack library, a room that was a number,
/// the order in which flags were set, an acknowledgement id in the packet, which we never write.
const FOREIGN_BYTES: [&str; 5] = [
    "classic-parser-msgpackr",
    "classic-numeric-room",
    "emitter-flags",
    "sharded-volatile-compress",
    "classic-csr-socket-emit-ack",
];

/// Cases whose clients get an offset that is not in the message.
const OTHER_FRAMES: [&str; 2] = ["sharded-csr-quirk", "sharded-csr-socket-emit"];
