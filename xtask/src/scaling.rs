//! How long a training step takes on several ranks that share out its parts: a model, and no measurement. `--plan` and
//! `docs/CLUSTER.md` tell what it says.
//!
//! ```
//! use xtask::scaling::{CONNECTIONS, Step};
//! // VGG-6 at batch 1024 in parts of 32 images, on two cores.
//! let step = Step { seconds: 8.6, parts: 32, parameters: 4_600_000 };
//! let slow = &CONNECTIONS[0];
//! assert_eq!(step.seconds_on(1, slow), 8.6);
//! assert!(step.speedup(8, slow) > 7.0 && step.speedup(32, slow) < 24.0);
//! ```

/// What connects ranks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Connection {
    /// What it is called.
    pub name: &'static str,
    /// Bytes per second.
    pub bandwidth: f64,
    /// Seconds until a message arrives, besides.
    pub latency: f64,
}

/// What clusters have: Ethernet, and a network made for MPI.
pub const CONNECTIONS: [Connection; 2] = [
    Connection { name: "10 Gbit/s", bandwidth: 10e9 / 8.0, latency: 30e-6 },
    Connection { name: "100 Gbit/s", bandwidth: 100e9 / 8.0, latency: 3e-6 },
];

/// Bytes of a number.
const NUMBER: f64 = 4.0;
/// Numbers in a message of the sum of gradients.
const CHUNK: usize = 1 << 16;
/// Bytes per second at which numbers are packed and checked.
const PACKING: f64 = 3e9;

/// A training step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// How long it takes in one process.
    pub seconds: f64,
    /// The parts of its batch, which the ranks share out.
    pub parts: usize,
    /// Parameters of the network, in single precision.
    pub parameters: usize,
}

impl Step {
    /// How long it takes on as many ranks, each as fast as the one process: its share of the parts, and the exchange.
    #[must_use]
    pub fn seconds_on(&self, ranks: usize, connection: &Connection) -> f64 {
        let share = self.parts.div_ceil(ranks) as f64 / self.parts as f64;
        self.seconds * share + self.exchange(ranks, connection)
    }

    /// How many times as fast as one process.
    #[must_use]
    pub fn speedup(&self, ranks: usize, connection: &Connection) -> f64 {
        self.seconds / self.seconds_on(ranks, connection)
    }

    /// How long the ranks take to exchange gradients and to agree.
    ///
    /// The sum of the gradients goes from rank to rank in chunks, and its result back the same way. A rank between two others
    /// receives and sends every chunk, so that a chunk takes two messages there, and one where there are two ranks.
    fn exchange(&self, ranks: usize, connection: &Connection) -> f64 {
        if ranks == 1 {
            return 0.0;
        }
        let chunks = self.parameters.div_ceil(CHUNK) as f64;
        let message = NUMBER * CHUNK as f64 / connection.bandwidth + connection.latency;
        let messages = if ranks == 2 { 1.0 } else { 2.0 } * chunks + (ranks - 2) as f64;
        let agreement = 6.0 * ranks as f64 * connection.latency;
        2.0 * messages * message + agreement + 4.0 * NUMBER * (chunks * CHUNK as f64) / PACKING
    }

    /// The most ranks of which each still does half of what it does alone, and more of which have parts to do.
    #[must_use]
    pub fn ranks_at_half(&self, connection: &Connection) -> usize {
        let pays = |ranks: &usize| 2.0 * self.speedup(*ranks, connection) >= *ranks as f64;
        (1..=self.parts).rev().find(pays).unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_without_a_part_do_nothing_and_a_fast_connection_is_never_slower() {
        let step = Step { seconds: 1.0, parts: 8, parameters: 1_000_000 };
        let [slow, fast] = &CONNECTIONS;
        for ranks in 1..40 {
            assert!(step.seconds_on(ranks, fast) <= step.seconds_on(ranks, slow));
            assert!(step.speedup(ranks, fast) <= ranks.min(8) as f64);
        }
        // Five ranks have two parts, as four do.
        assert!(step.seconds_on(5, fast) > step.seconds_on(4, fast));
        assert_eq!(step.ranks_at_half(fast), 8);
        assert!(Step { seconds: 0.01, ..step }.ranks_at_half(slow) < 3);
    }
}
