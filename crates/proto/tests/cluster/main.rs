//! The cluster's wire formats against messages that were captured from Node.js servers and emitters, and simulations of
//! whole clusters.

mod captured;
mod notation;
mod poisoned;
mod simulation;
