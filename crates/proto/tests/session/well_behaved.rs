//! Whatever a client as the official one and a server do, and however long the network takes, nothing is lost.

use std::time::Duration;

use fanfare_proto::engine::{CloseReason, Transport};

use super::client::{Abandon, How, Step};
use super::network::{Event, LATENCY, QUICK, World};
use super::server::When;
use super::{millis, seconds};

/// How long both sides are busy, and when the last packet has certainly arrived.
const BUSY: Duration = seconds(5);
const QUIET: Duration = seconds(8);

const STEPS: [Step; 4] = [Step::Connecting, Step::Accepted, Step::Probed, Step::Pausing];
const ENDS: [How; 3] = [How::Drop, How::Nonsense, How::Hang];

/// Two sides that send at random times, while the client tries to upgrade and gives up at random points.
fn busy(seed: u64) -> World {
    let mut world = World::new(seed);
    for _ in 0..40 {
        let (at, event) = (world.rng.duration(BUSY), world.rng.pick(&[0, 1]));
        world.plan(at, if event == 0 { Event::ServerSends } else { Event::ClientSends });
    }
    for _ in 0..world.rng.below(4) {
        let at = world.rng.duration(BUSY);
        let abandon = Abandon { at: world.rng.pick(&STEPS), how: world.rng.pick(&ENDS) };
        let gives_up = world.rng.below(4) > 0;
        world.plan(at, Event::ClientUpgrades(gives_up.then_some(abandon)));
    }
    world
}

/// Runs scenarios of many seeds; a failure names the seed.
fn for_many_seeds(check: impl Fn(u64) + std::panic::RefUnwindSafe) {
    for seed in 0..400 {
        if let Err(panic) = std::panic::catch_unwind(|| check(seed)) {
            eprintln!("with seed {seed}:");
            std::panic::resume_unwind(panic);
        }
    }
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

#[test]
fn nothing_is_lost_doubled_or_reordered() {
    for_many_seeds(|seed| {
        let mut world = busy(seed);
        world.run_until(QUIET);
        assert_eq!(world.client.received, numbers(world.sent));
        assert_eq!(world.server.received, numbers(world.client.sent));
        assert_eq!((&world.server.closed[..], world.client.closed), (&[][..], false));
        assert_eq!(world.server.core.transport() == Transport::WebSocket, world.client.is_upgraded());
    });
}

#[test]
fn an_upgrade_completes_soon_whatever_is_under_way() {
    for_many_seeds(|seed| {
        let mut world = busy(seed);
        world.plan(BUSY, Event::ClientUpgrades(None));
        // Another attempt may hang until then.
        world.plan(BUSY + QUICK.upgrade_timeout + LATENCY * 3, Event::ClientUpgrades(None));
        world.run_until(BUSY + QUICK.upgrade_timeout + LATENCY * 3 + millis(100) + LATENCY * 8);
        assert!(world.client.is_upgraded());
        assert_eq!(world.server.core.transport(), Transport::WebSocket);
    });
}

#[test]
fn what_is_sent_before_the_end_arrives_and_the_client_is_told() {
    for_many_seeds(|seed| {
        let mut world = busy(seed);
        let end = world.rng.duration(BUSY);
        world.plan(end, Event::ServerSends);
        world.plan(end, Event::ServerSends);
        world.plan(end, Event::ServerCloses(When::Flushed));
        world.run_until(end);
        let sent = world.sent;
        world.run_until(end + QUICK.upgrade_timeout + millis(100) + LATENCY * 8);
        // A request that comes behind the end is turned away, and the answer may overtake the last messages.
        let expected = if world.client.refused { world.client.received.len() } else { sent };
        assert_eq!(world.client.received, numbers(expected));
        assert!(world.client.closed, "the client knows");
        assert_eq!(world.server.closed, [CloseReason::ForcedClose.into()]);
    });
}

#[test]
fn a_client_that_leaves_is_gone_at_once() {
    for_many_seeds(|seed| {
        let mut world = busy(seed);
        let end = world.rng.duration(BUSY);
        world.plan(end, Event::ClientCloses);
        world.run_until(end + QUICK.upgrade_timeout + millis(100) + LATENCY * 8);
        assert_eq!(world.server.closed, [CloseReason::TransportClose.into()]);
        assert_eq!(world.server.received, numbers(world.client.sent));
        assert!(world.client.closed, "the client knows");
    });
}

#[test]
fn a_client_that_dies_is_detected() {
    for_many_seeds(|seed| {
        let mut world = busy(seed);
        let end = world.rng.duration(BUSY);
        world.plan(end, Event::ClientDies);
        world.run_until(end + QUICK.ping_interval + QUICK.ping_timeout);
        assert_eq!(world.server.closed, [CloseReason::PingTimeout.into()]);
        let left = (world.server.pending_get(), world.server.probing_socket(), world.server.linked_socket());
        assert_eq!(left, (None, None, None));
    });
}

#[test]
fn closing_at_once_leaves_nothing_behind() {
    for_many_seeds(|seed| {
        let mut world = busy(seed);
        let end = world.rng.duration(BUSY);
        world.plan(end, Event::ServerCloses(When::AtOnce));
        world.run_until(end + QUICK.upgrade_timeout + millis(100) + LATENCY * 8);
        assert_eq!(world.server.closed, [CloseReason::ForcedClose.into()]);
        assert_eq!(world.server.core.poll_timeout(), None);
        assert!(world.client.closed, "the client knows");
        let received = world.client.received.len();
        assert_eq!(world.client.received, numbers(received), "nothing arrives out of turn");
    });
}
