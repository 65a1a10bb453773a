//! The binary as a process: its memory under attack, its signals, its output, its complaints. Rows as in the table of
//! limits: LIM, MEM, SIO, NODE, AUTH.

mod attacks;
mod memory;
mod mistakes;
mod node;
mod output;
mod signals;
