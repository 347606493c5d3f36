//! The faults there are: names, weights, and where each makes sense.

use std::fmt;

use crate::settings::Mode;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `kill -9` of a worker (of the one process in embedded mode).
    KillWorker,
    /// `kill -9` of an API replica.
    KillApi,
    /// SIGSTOP of a worker for longer than its lease, then SIGCONT.
    StopWorker,
    /// SIGSTOP of an API replica, then SIGCONT.
    StopApi,
    /// SIGTERM of every process of the product, one after the other.
    RollingRestart,
    /// `FLUSHALL`.
    RedisFlush,
    /// Redis ends and comes back empty.
    RedisRestart,
    /// Redis answers nobody for a while.
    RedisPause,
    /// Redis has no memory for writes.
    RedisFull,
    /// Redis takes no writes.
    RedisReadOnly,
    /// PostgreSQL ends in order and comes back.
    PostgresRestart,
    /// PostgreSQL crashes and comes back.
    PostgresCrash,
    /// PostgreSQL ends connections of the product, twice a second.
    PostgresTerminate,
    /// A table is locked against writes.
    PostgresLock,
    /// Every connection is taken.
    PostgresExhausted,
    /// Transactions are read-only.
    PostgresReadOnly,
    /// Somebody locks rows of executions in the opposite order, twice a second.
    PostgresDeadlock,
    /// Transactions are serializable, and fail for it.
    PostgresSerialization,
    /// Lines to PostgreSQL are reset.
    DatabaseCut,
    /// Lines to PostgreSQL are slow.
    DatabaseSlow,
    /// Lines to PostgreSQL pass nothing on.
    DatabaseSilent,
    /// Lines to PostgreSQL carry requests, no answers: commits whose outcome is unknown.
    DatabaseDeaf,
    /// Lines to PostgreSQL are closed towards the process, and carry requests: half-closed connections.
    DatabaseHalfClosed,
    /// Lines to Redis are reset.
    RedisCut,
    /// Lines to Redis are slow.
    RedisSlow,
    /// Lines to Redis pass nothing on.
    RedisSilent,
    /// Lines to Redis are closed towards the process, and carry requests.
    RedisHalfClosed,
    /// Another process holds the lock of the embedded database.
    SqliteLock,
    /// The wall clocks of some processes are set: minutes ahead or behind, or an hour.
    ClockSkew,
}

/// Name, weight in cluster mode, weight in embedded mode, what a run with it must have seen.
const KINDS: [(Kind, &str, u64, u64); 29] = [
    (Kind::KillWorker, "kill-worker", 12, 6),
    (Kind::KillApi, "kill-api", 5, 0),
    (Kind::StopWorker, "stop-worker", 6, 2),
    (Kind::StopApi, "stop-api", 2, 0),
    (Kind::RollingRestart, "rolling-restart", 3, 3),
    (Kind::RedisFlush, "redis-flush", 6, 0),
    (Kind::RedisRestart, "redis-restart", 4, 0),
    (Kind::RedisPause, "redis-pause", 3, 0),
    (Kind::RedisFull, "redis-full", 3, 0),
    (Kind::RedisReadOnly, "redis-read-only", 3, 0),
    (Kind::PostgresRestart, "postgres-restart", 3, 0),
    (Kind::PostgresCrash, "postgres-crash", 3, 0),
    (Kind::PostgresTerminate, "postgres-terminate", 4, 0),
    (Kind::PostgresLock, "postgres-lock", 3, 0),
    (Kind::PostgresExhausted, "postgres-exhausted", 3, 0),
    (Kind::PostgresReadOnly, "postgres-read-only", 3, 0),
    (Kind::PostgresDeadlock, "postgres-deadlock", 3, 0),
    (Kind::PostgresSerialization, "postgres-serialization", 3, 0),
    (Kind::DatabaseCut, "database-cut", 4, 0),
    (Kind::DatabaseSlow, "database-slow", 3, 0),
    (Kind::DatabaseSilent, "database-silent", 3, 0),
    (Kind::DatabaseDeaf, "database-deaf", 4, 0),
    (Kind::DatabaseHalfClosed, "database-half-closed", 3, 0),
    (Kind::RedisCut, "redis-cut", 3, 0),
    (Kind::RedisSlow, "redis-slow", 2, 0),
    (Kind::RedisSilent, "redis-silent", 3, 0),
    (Kind::RedisHalfClosed, "redis-half-closed", 3, 0),
    (Kind::SqliteLock, "sqlite-lock", 0, 3),
    (Kind::ClockSkew, "clock-skew", 4, 0),
];

impl Kind {
    /// Kinds that a mode can have, with the weight of each.
    #[must_use]
    pub fn of(mode: Mode) -> Vec<(Self, u64)> {
        KINDS
            .iter()
            .map(|(kind, _name, cluster, embedded)| match mode {
                Mode::Cluster => (*kind, *cluster),
                Mode::Embedded => (*kind, *embedded),
            })
            .filter(|(_kind, weight)| *weight > 0)
            .collect()
    }

    /// The kind with a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        KINDS.iter().find(|(_kind, known, _cluster, _embedded)| *known == name).map(|(kind, ..)| *kind)
    }

    /// What it takes away: two faults that need the same thing are not there at once.
    #[must_use]
    pub const fn target(self) -> Target {
        match self {
            Self::KillWorker | Self::KillApi | Self::StopWorker | Self::StopApi | Self::RollingRestart => {
                Target::Processes
            }
            Self::RedisFlush
            | Self::RedisRestart
            | Self::RedisPause
            | Self::RedisFull
            | Self::RedisReadOnly
            | Self::RedisCut
            | Self::RedisSlow
            | Self::RedisSilent
            | Self::RedisHalfClosed => Target::Redis,
            Self::PostgresRestart
            | Self::PostgresCrash
            | Self::PostgresTerminate
            | Self::PostgresLock
            | Self::PostgresExhausted
            | Self::PostgresReadOnly
            | Self::PostgresDeadlock
            | Self::PostgresSerialization
            | Self::DatabaseCut
            | Self::DatabaseSlow
            | Self::DatabaseSilent
            | Self::DatabaseDeaf
            | Self::DatabaseHalfClosed
            | Self::SqliteLock => Target::Database,
            Self::ClockSkew => Target::Clocks,
        }
    }
}

/// What a fault takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// Processes of the product.
    Processes,
    /// Redis or the way there.
    Redis,
    /// The database or the way there.
    Database,
    /// What processes believe the time to be.
    Clocks,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = KINDS.iter().find(|(kind, ..)| kind == self).map_or("unnamed", |(_kind, name, ..)| name);
        f.pad(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name() {
        for (kind, name, ..) in KINDS {
            assert_eq!(Kind::named(name), Some(kind));
            assert_eq!(kind.to_string(), name);
        }
    }

    #[test]
    fn operators_find_every_kind_in_the_table_of_faults() {
        let operations = include_str!("../../../docs/operations.md");
        let (_before, chapter) = operations.split_once("\n## Faults one by one\n").unwrap();
        let table: Vec<&str> = chapter.lines().skip_while(|line| !line.starts_with('|')).collect();
        for (_kind, name, ..) in KINDS {
            let is_there = |row: &&str| row.split('|').nth(4).is_some_and(|names| names.contains(&format!("`{name}`")));
            let rows = table.iter().copied().take_while(|line| line.starts_with('|'));
            assert_eq!(rows.filter(is_there).count(), 1, "{name}");
        }
    }
}
