//! What there is to see.

/// One question, and how its answer is drawn.
#[derive(Debug)]
pub struct Chart {
    /// Its name, in files and in the results.
    pub id: &'static str,
    /// What was measured.
    pub title: &'static str,
    /// What grows.
    pub x: &'static str,
    /// The unit of the values.
    pub unit: &'static str,
    /// Which axes are logarithmic.
    pub axes: Axes,
    /// The law that the values should follow.
    pub law: Law,
}

/// Which axes are logarithmic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axes {
    /// None of them.
    Linear,
    /// That of what grows.
    LogX,
    /// Both.
    LogLog,
}

/// What makes up a value at `x`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// Something fixed, and something for each of `x`.
    Line,
    /// Something fixed that `x` deliveries share, and something for each of them.
    Shared,
    /// Nothing is known.
    None,
}

/// All of them.
pub const CHARTS: &[Chart] = &[
    Chart {
        id: "clients-delivery",
        title: "Broadcast to all clients: processor time of a delivery",
        x: "clients",
        unit: "µs",
        axes: Axes::LogX,
        law: Law::None,
    },
    Chart {
        id: "clients-connect",
        title: "Connection set-up: processor time of each",
        x: "clients",
        unit: "µs",
        axes: Axes::LogX,
        law: Law::None,
    },
    Chart {
        id: "clients-heartbeat",
        title: "Heartbeat: processor time of a ping and its pong",
        x: "clients",
        unit: "µs",
        axes: Axes::LogX,
        law: Law::None,
    },
    Chart {
        id: "clients-memory",
        title: "Memory of idle clients",
        x: "clients",
        unit: "MB",
        axes: Axes::Linear,
        law: Law::Line,
    },
    Chart {
        id: "rooms-delivery",
        title: "1,000 clients in rooms: processor time of a delivery",
        x: "clients in a room",
        unit: "µs",
        axes: Axes::LogX,
        law: Law::Shared,
    },
    Chart {
        id: "rooms-many",
        title: "One client in many rooms: processor time of an event to one",
        x: "rooms",
        unit: "µs",
        axes: Axes::LogX,
        law: Law::None,
    },
    Chart {
        id: "rooms-join",
        title: "Joining a room: processor time, with the acknowledgement",
        x: "rooms of each client",
        unit: "µs",
        axes: Axes::LogX,
        law: Law::None,
    },
    Chart {
        id: "rooms-memory",
        title: "Memory of one client's being in one room",
        x: "rooms of each client",
        unit: "B",
        axes: Axes::LogX,
        law: Law::None,
    },
    Chart {
        id: "messages-delivery",
        title: "Broadcast to 200 clients: processor time of a delivery",
        x: "bytes of text",
        unit: "µs",
        axes: Axes::LogLog,
        law: Law::Line,
    },
    Chart {
        id: "messages-echo",
        title: "Event with acknowledgement, 50 clients: processor time",
        x: "bytes of text",
        unit: "µs",
        axes: Axes::LogLog,
        law: Law::Line,
    },
    Chart {
        id: "nodes-delivery",
        title: "Rooms of 5: processor time of all nodes for a delivery",
        x: "nodes",
        unit: "µs",
        axes: Axes::Linear,
        law: Law::None,
    },
    Chart {
        id: "nodes-redis",
        title: "The same: processor time of Redis for a message",
        x: "nodes",
        unit: "µs",
        axes: Axes::Linear,
        law: Law::Line,
    },
    Chart {
        id: "nodes-idle",
        title: "A node without clients: processor time of others' messages",
        x: "messages in flight",
        unit: "µs",
        axes: Axes::LogX,
        law: Law::None,
    },
    Chart {
        id: "redis-classic",
        title: "Redis, classic pub/sub: processor time of a message",
        x: "subscribed nodes",
        unit: "µs",
        axes: Axes::Linear,
        law: Law::Line,
    },
    Chart {
        id: "redis-sharded",
        title: "Redis, sharded pub/sub: processor time of a message",
        x: "subscribed nodes",
        unit: "µs",
        axes: Axes::Linear,
        law: Law::Line,
    },
    Chart {
        id: "redis-subscribe",
        title: "Redis, sharded: processor time of a subscription to a room",
        x: "nodes in each room",
        unit: "µs",
        axes: Axes::Linear,
        law: Law::None,
    },
    Chart {
        id: "redis-memory",
        title: "Redis, sharded: resident memory of a subscription to a room",
        x: "nodes in each room",
        unit: "B",
        axes: Axes::Linear,
        law: Law::None,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_fit_above_their_charts() {
        for Chart { title, unit, .. } in CHARTS {
            assert!(title.len() + unit.len() <= 62, "{title}");
        }
    }
}
