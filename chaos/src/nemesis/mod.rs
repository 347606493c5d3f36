//! Draws faults from a seed, lets them in and takes them back, and keeps a diary.

mod faults;
mod kinds;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::json;
use tokio::time::Instant;

pub use self::faults::Standing;
pub use self::kinds::{Kind, Target};
use crate::history::{Recorder, now_ms};
use crate::random::Random;
use crate::rig::{Rig, programs};
use crate::settings::Settings;

/// One fault that was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// What it was.
    pub kind: Kind,
    /// What it hit.
    pub victim: String,
    /// Unix milliseconds.
    pub from_ms: i64,
    /// Unix milliseconds.
    pub to_ms: i64,
}

/// Executions that a worker had when it was taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bereaved {
    /// When, in Unix milliseconds.
    pub at_ms: i64,
    /// Id and epoch of each, ids as hexadecimal digits.
    pub executions: Vec<(String, i64)>,
}

/// What the nemesis did.
#[derive(Debug, Clone, Default)]
pub struct Diary {
    /// Faults, in the order in which they ended.
    pub windows: Vec<Window>,
    /// What was claimed by workers that were killed or stopped.
    pub bereaved: Vec<Bereaved>,
    /// Largest value of each counter that was read from processes before they ended.
    pub counters: BTreeMap<String, u64>,
}

/// The source of all faults.
#[derive(Debug)]
pub struct Nemesis<'a> {
    rig: &'a mut Rig,
    settings: &'a Settings,
    recorder: &'a Recorder,
    random: Random,
    diary: Diary,
    kinds: Vec<(Kind, u64)>,
    /// Drawn first, so that a short run has seen each.
    unseen: Vec<Kind>,
}

impl<'a> Nemesis<'a> {
    /// A nemesis of the settings' seed and kinds.
    pub fn new(rig: &'a mut Rig, settings: &'a Settings, recorder: &'a Recorder) -> anyhow::Result<Self> {
        let kinds = selected(settings)?;
        let mut random = Random::new(settings.seed ^ 0x00C0_FFEE);
        let mut unseen: Vec<Kind> = kinds.iter().map(|(kind, _weight)| *kind).collect();
        for place in (1..unseen.len()).rev() {
            unseen.swap(place, random.place(place + 1));
        }
        Ok(Self { rig, settings, recorder, random, diary: Diary::default(), kinds, unseen })
    }

    /// Faults, one to three at a time, for as long as the settings say; then everything is healed.
    pub async fn run(mut self) -> anyhow::Result<Diary> {
        let until = Instant::now() + self.settings.faults_for;
        while Instant::now() < until {
            let mut standing = Vec::new();
            for kind in self.draw() {
                standing.push(self.begin(kind).await?);
            }
            let (from, to) = self.settings.fault_ms;
            let time = Duration::from_millis(self.random.between(from, to));
            self.pass(time, &mut standing).await?;
            for fault in standing.into_iter().rev() {
                self.end(fault).await?;
            }
            self.rig.open_lines();
            let (from, to) = self.settings.quiet_ms;
            tokio::time::sleep(Duration::from_millis(self.random.between(from, to))).await;
            self.revive().await?;
            self.read_counters().await;
        }
        Ok(self.diary)
    }

    /// Kinds of the next round: of targets that differ, and such as were not there yet first.
    fn draw(&mut self) -> Vec<Kind> {
        let count = match self.random.between(0, 9) {
            0..=4 => 1,
            5..=7 => 2,
            _rest => 3,
        };
        let mut drawn: Vec<Kind> = Vec::new();
        while drawn.len() < count {
            let is_free = |kind: &Kind| drawn.iter().all(|other| other.target() != kind.target());
            let kind = if let Some(place) = self.unseen.iter().position(is_free) {
                self.unseen.remove(place)
            } else {
                let free: Vec<(Kind, u64)> =
                    self.kinds.iter().copied().filter(|(kind, _weight)| is_free(kind)).collect();
                let total: u64 = free.iter().map(|(_kind, weight)| weight).sum();
                if total == 0 {
                    break;
                }
                let mut left = self.random.between(0, total - 1);
                let found = free.iter().find(|(_kind, weight)| {
                    let is_it = left < *weight;
                    left = left.saturating_sub(*weight);
                    is_it
                });
                match found {
                    Some((kind, _weight)) => *kind,
                    None => break,
                }
            };
            drawn.push(kind);
        }
        drawn
    }

    async fn begin(&mut self, kind: Kind) -> anyhow::Result<Standing> {
        let began = now_ms();
        self.read_counters().await;
        let mut standing = faults::begin(self.rig, kind, &mut self.random, &mut self.diary)
            .await
            .with_context(|| format!("fault {kind} could not begin"))?;
        standing.from_ms = began;
        self.recorder.line("fault", &kind.to_string(), "begin", json!(standing.victim));
        Ok(standing)
    }

    /// Lets time pass; faults that act again and again act.
    async fn pass(&mut self, time: Duration, standing: &mut [Standing]) -> anyhow::Result<()> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(500).min(until - Instant::now())).await;
            for fault in standing.iter_mut() {
                faults::again(self.rig, fault).await.with_context(|| format!("fault {}", fault.kind))?;
            }
        }
        Ok(())
    }

    async fn end(&mut self, fault: Standing) -> anyhow::Result<()> {
        let (kind, victim, from_ms) = (fault.kind, fault.victim.clone(), fault.from_ms);
        faults::end(self.rig, fault, self.settings)
            .await
            .with_context(|| format!("fault {kind} could not be taken back"))?;
        self.recorder.line("fault", &kind.to_string(), "end", json!(victim));
        self.diary.windows.push(Window { kind, victim, from_ms, to_ms: now_ms() });
        Ok(())
    }

    /// No process may end by itself, whatever is done around it.
    async fn revive(&mut self) -> anyhow::Result<()> {
        for node in &mut self.rig.nodes {
            if node.process.has_ended()? && node.is_starting {
                // Servers were away for longer than it tries at its start: whoever watches it starts it again.
                *self.diary.counters.entry("gave-up-at-start".to_owned()).or_default() += 1;
                node.process.resume()?;
            } else if node.process.has_ended()? {
                let text = format!("{} ended by itself (log: {})", node.name, node.process.log().display());
                self.recorder.note(|history| history.surprises.push(text));
                node.process.resume()?;
            } else {
                node.is_starting = false;
            }
        }
        Ok(())
    }

    async fn read_counters(&mut self) {
        for node in &self.rig.nodes {
            for (name, value) in counters(node.port).await {
                let id = node.process.id().unwrap_or(0);
                let known = self.diary.counters.entry(format!("{name} {id}")).or_default();
                *known = value.max(*known);
            }
        }
    }
}

/// Kinds that the settings ask for.
pub fn selected(settings: &Settings) -> anyhow::Result<Vec<(Kind, u64)>> {
    let all = Kind::of(settings.mode);
    for name in &settings.kinds {
        match Kind::named(name) {
            Some(kind) if all.iter().any(|(known, _weight)| *known == kind) => {}
            Some(_other_mode) => bail!("fault `{name}` does not exist in this mode"),
            None => {
                let names: Vec<String> = all.iter().map(|(kind, _weight)| kind.to_string()).collect();
                bail!("`{name}` is no fault; there are {}", names.join(", "))
            }
        }
    }
    let can_set_clocks = programs::faketime().is_some();
    if !can_set_clocks && settings.kinds.contains(&Kind::ClockSkew.to_string()) {
        bail!("fault `{}` needs libfaketime: apt-get install faketime", Kind::ClockSkew);
    }
    let is_possible = |kind: &Kind| *kind != Kind::ClockSkew || can_set_clocks;
    let is_wanted =
        |kind: &Kind| is_possible(kind) && (settings.kinds.is_empty() || settings.kinds.contains(&kind.to_string()));
    Ok(all.into_iter().filter(|(kind, _weight)| is_wanted(kind)).collect())
}

/// Counters of a process that the report sums up.
const COUNTERS: [&str; 4] =
    ["sluice_fenced_writes_total", "sluice_commit_fenced_total", "sluice_panics_total", "sluice_api_panics_total"];

/// What a process says of itself; nothing when it does not answer.
pub async fn counters(port: u16) -> Vec<(&'static str, u64)> {
    let read = async {
        let client = crate::api::http_client(Duration::from_secs(1)).ok()?;
        client.get(format!("http://127.0.0.1:{port}/metrics")).send().await.ok()?.text().await.ok()
    };
    let Some(text) = read.await else { return Vec::new() };
    COUNTERS
        .into_iter()
        .map(|name| {
            let lines = text.lines().filter(|line| line.starts_with(name));
            (name, lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum())
        })
        .collect()
}
