//! A graph ready to run.
#![allow(unsafe_code, reason = "rows of the buffer are lent to callers between steps")]

use std::sync::Arc;
use std::time::Instant;

use ifr_net::{Graph, InputError, Parameters, Phase, RunSize, Tensor, TensorId};
use rayon::ThreadPool;

use crate::crew::{Crew, Lead};
use crate::error::CpuError;
use crate::level::Level;
use crate::memory::Buffer;
use crate::plan::alone::{self, Shared};
use crate::plan::bands::Bands;
use crate::plan::kernel::Kernel;
use crate::plan::run::{Scratch, download, fill, move_kept, run_step, upload};
use crate::plan::step::Work;
use crate::plan::{Choices, Constants, Plan, constants};
use crate::profile::{Profile, StepTime};
use crate::rows::{Rows, RowsMut, Team};

/// How an [`Engine`] works. Its output depends, by rounding, on the level and on [`Engine::set_winograd`] alone.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// The threads to work on; `None`: rayon's global pool.
    pub pool: Option<Arc<ThreadPool>>,
    /// The instruction set of the kernels.
    pub level: Level,
}

impl Default for EngineOptions {
    /// The global pool and the fastest level.
    fn default() -> Self {
        Self { pool: None, level: Level::best() }
    }
}

/// Runs a graph on the CPU.
///
/// Parameters are packed once, when the engine is made; the plan of steps and its buffer are made on first use of a size
/// and kept until another size comes. After that, running a pair or an instant allocates nothing.
///
/// ```
/// use ifr_cpu::{Engine, EngineOptions};
/// use ifr_net::{IfrNet, Parameters, Ratio};
///
/// let graph = IfrNet::S.graph(Ratio::ONE)?;
/// let parameters = Parameters::by_rule(&graph);
/// let mut engine = Engine::new(&graph, &parameters, EngineOptions::default())?;
///
/// let (width, height) = (32, 16);
/// let (first, second) = (vec![0.25; 3 * width * height], vec![0.75; 3 * width * height]);
/// let mut middle = vec![0.0; 3 * width * height];
/// engine.pair(width, height, &[&first, &second])?; // what all instants of the pair share
/// engine.at(&[&[0.5]])?; // what they do not
/// engine.read_output(0, &mut middle)?;
/// assert!(middle.iter().all(|v| (0.0..=1.0).contains(v)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Engine {
    graph: Graph,
    kernels: Vec<Option<Arc<Kernel>>>,
    constants: Vec<Constants>,
    options: EngineOptions,
    plan: Option<Plan>,
    buffer: Buffer,
    /// The threads that run the plan; the buffer has scratch memory for as many.
    crew: Crew,
    /// What the rest of the graph takes of each image alone: the tensor of the first, and that of the second.
    twins: Vec<[TensorId; 2]>,
    /// Which of the pair's images alone each node depends on.
    images: Vec<Option<usize>>,
    /// Whether plans keep those tensors for the next pair: as soon as [`Engine::pair_sharing`] was called.
    sharing: bool,
    winograd: bool,
    bands: Bands,
    row_output: bool,
    /// What has run of the plan: nothing, the pair's steps, or those of an instant too.
    done: Option<Phase>,
    profile: Option<Profile>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("graph", &self.graph.name())
            .field("options", &self.options)
            .field("size", &self.plan.as_ref().map(|p| p.size))
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Packs a graph's parameters.
    ///
    /// With the environment variable `IFR_PROFILE=1`, the time of every step is measured and a table of it printed to
    /// standard error when the engine is dropped.
    ///
    /// # Errors
    /// [`CpuError::Input`] when the parameters are another graph's.
    pub fn new(graph: &Graph, parameters: &Parameters, options: EngineOptions) -> Result<Self, CpuError> {
        if !parameters.fit(graph) {
            return Err(InputError::Parameters(graph.name().to_owned()).into());
        }
        Ok(Self {
            graph: graph.clone(),
            kernels: Kernel::of_graph(graph, parameters, options.level),
            constants: constants(graph, parameters),
            twins: alone::twins(graph),
            images: (0..graph.nodes().len()).map(|i| alone::image_of(graph, alone::bits(graph), i)).collect(),
            sharing: false,
            options,
            plan: None,
            buffer: Buffer::default(),
            crew: Crew::new(1),
            winograd: true,
            bands: Bands::default(),
            row_output: false,
            done: None,
            profile: Profile::from_environment(),
        })
    }

    /// The graph.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Makes the plan and the buffer for inputs of `width` × `height`, unless they are there. [`Engine::pair`] does this by
    /// itself.
    ///
    /// # Errors
    /// [`CpuError::Graph`] when the graph refuses the size, [`CpuError::Memory`] when the buffer cannot be had.
    pub fn prepare(&mut self, width: usize, height: usize) -> Result<(), CpuError> {
        let keep = self.sharing.then_some(&self.twins[..]);
        let fits = |p: &Plan| p.size == (width, height) && p.keeps == keep.is_some();
        if self.plan.as_ref().is_some_and(fits) {
            return Ok(());
        }
        let choices = self.choices();
        // Weights are transformed on the engine's own threads, too.
        let make = || Plan::new(&self.graph, &self.kernels, &self.constants, choices, width, height, keep);
        let plan = on(self.options.pool.as_ref(), make)?;
        self.plan = None;
        self.done = None;
        self.crew = Crew::new(self.threads());
        let len = plan.len.saturating_add(plan.scratch.saturating_mul(self.crew.threads()));
        if len > self.buffer.len() {
            self.buffer = Buffer::default();
            self.buffer = Buffer::new(len)?;
        }
        if let Some(profile) = &mut self.profile {
            profile.start(&self.graph, &plan);
        }
        self.plan = Some(plan);
        Ok(())
    }

    /// Whether 3×3 convolutions may be done by Winograd's algorithm, as they are unless told otherwise: it takes a fraction of the
    /// time, with rounding errors about twice those of a direct summation. Without it is for comparisons.
    pub fn set_winograd(&mut self, allowed: bool) {
        if self.winograd != allowed {
            (self.winograd, self.plan, self.done) = (allowed, None, None);
        }
    }

    /// From now on, how long every step takes is measured, from zero; [`Engine::step_times`] tells. That costs next to nothing.
    pub fn measure_steps(&mut self) {
        let profile = self.profile.get_or_insert_default();
        if let Some(plan) = &self.plan {
            profile.start(&self.graph, plan);
        }
    }

    /// The steps in the order in which they run for the size last prepared, and how long they took since
    /// [`Engine::measure_steps`] or since that size was prepared, whichever is later. Nothing when nobody asked to measure
    /// them, or no size has been prepared.
    #[must_use]
    pub fn step_times(&self) -> &[StepTime] {
        self.profile.as_ref().map_or(&[], Profile::steps)
    }

    /// Which steps run band by band ([`Bands::BySize`] unless told otherwise): that takes less memory, and the same values come
    /// out, to the bit. Anything else is for comparisons.
    pub fn set_bands(&mut self, bands: Bands) {
        if self.bands != bands {
            (self.bands, self.plan, self.done) = (bands, None, None);
        }
    }

    /// Whether outputs are to be taken from [`Engine::at_rows`] alone: they are then never there as a whole, which takes less memory.
    /// Not so unless told otherwise.
    pub fn set_row_output(&mut self, rows: bool) {
        if self.row_output != rows {
            (self.row_output, self.plan, self.done) = (rows, None, None);
        }
    }

    fn choices(&self) -> Choices {
        let Self { winograd, bands, row_output, .. } = *self;
        Choices { winograd, bands, deliver: row_output, level: self.options.level }
    }

    /// What [`Engine::pair_sharing`] does on its first call: plans keep what can serve the next pair.
    pub(crate) fn keep_for_next(&mut self) {
        self.sharing |= self.shares();
    }

    /// Whether something that is computed of one image can serve the next pair: see [`Engine::pair_sharing`].
    pub(crate) fn shares(&self) -> bool {
        !self.twins.is_empty()
    }

    /// How many threads there are to work on.
    fn threads(&self) -> usize {
        self.options.pool.as_ref().map_or_else(rayon::current_num_threads, |pool| pool.current_num_threads())
    }

    /// Bytes that all maps live in, and what else steps leave to each other, for the size last prepared; 0 before that.
    #[must_use]
    pub fn maps(&self) -> usize {
        self.plan.as_ref().map_or(0, |plan| plan.len * size_of::<f32>())
    }

    /// Bytes of all that the engine holds: packed weights, and for the size last prepared the maps and each thread's scratch
    /// memory. What plans take beside is some megabytes at most.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.weights() + self.buffer.len() * size_of::<f32>()
    }

    /// What [`Engine::memory`] would be with inputs of `width` × `height` and such bands. Takes as long as making a plan does:
    /// some milliseconds.
    ///
    /// # Errors
    /// As [`Engine::prepare`], but for [`CpuError::Memory`].
    pub fn memory_for(&self, width: usize, height: usize, bands: Bands) -> Result<usize, CpuError> {
        let keep = self.sharing.then_some(&self.twins[..]);
        let choices = Choices { bands, ..self.choices() };
        let plan = Plan::new(&self.graph, &self.kernels, &self.constants, choices, width, height, keep)?;
        let floats = plan.len.saturating_add(plan.scratch.saturating_mul(self.threads()));
        Ok(floats.saturating_mul(size_of::<f32>()).saturating_add(self.weights()))
    }

    /// Bytes of packed weights.
    fn weights(&self) -> usize {
        let mut known: Vec<*const Kernel> = Vec::new();
        let mut bytes = 0;
        for kernel in self.kernels.iter().flatten() {
            // Nodes share kernels.
            if !known.contains(&Arc::as_ptr(kernel)) {
                known.push(Arc::as_ptr(kernel));
                bytes += kernel.bytes();
            }
        }
        bytes
    }

    /// Takes the inputs of a pair (those of the graph's inputs that are of [`Phase::Pair`], in order; each channels × height ×
    /// width) and computes what does not depend on an instant.
    ///
    /// # Errors
    /// As [`Engine::prepare`], and [`CpuError::Input`] when number or lengths of the inputs are not what the graph asks
    /// for.
    pub fn pair(&mut self, width: usize, height: usize, inputs: &[&[f32]]) -> Result<(), CpuError> {
        // A pair that ends in an error is none, and the one before it is gone: nobody shall share with the wrong one.
        self.done = None;
        self.prepare(width, height)?;
        self.check(Phase::Pair, inputs)?;
        self.run(Phase::Pair, Given::Values(inputs), Shared::default(), None);
        self.done = Some(Phase::Pair);
        Ok(())
    }

    /// As [`Engine::pair`], but inputs are written where the engine wants them, so that nobody needs to hold them as floats:
    /// `write` is called with some rows of one of those of [`Phase::Pair`] at a time, for each row once, in any order, on the
    /// engine's threads. What it does not write is not defined.
    ///
    /// # Errors
    /// As [`Engine::prepare`].
    pub fn pair_with(
        &mut self,
        width: usize,
        height: usize,
        write: impl Fn(RowsMut<'_>) + Sync,
    ) -> Result<(), CpuError> {
        self.done = None;
        self.prepare(width, height)?;
        self.run(Phase::Pair, Given::Rows(&write), Shared::default(), None);
        self.done = Some(Phase::Pair);
        Ok(())
    }

    /// As [`Engine::pair`], to the bit, but what depends on one image alone is not computed again for images that the pair
    /// before had already: `shared` says which. For IFR+ those are its encoders; IFRNet's depend on both images, so that it
    /// computes everything.
    ///
    /// An image that is said to be shared must be the same as before; part of what it makes is taken without looking at it.
    /// Nothing is shared with a pair of another size, with one that ended in an error, or with one given to [`Engine::pair`]
    /// before the first call of this: then everything is computed. From the first call on, plans keep the maps in question to
    /// the end of a run, for which they need more memory (see [`Engine::memory`]).
    ///
    /// # Errors
    /// As [`Engine::pair`].
    pub fn pair_sharing(
        &mut self,
        width: usize,
        height: usize,
        images: [&[f32]; 2],
        shared: Shared,
    ) -> Result<(), CpuError> {
        let keeps = self.plan.as_ref().is_some_and(|p| p.keeps && p.size == (width, height));
        let shared = if self.done.take().is_some() && keeps { shared } else { Shared::default() };
        self.sharing |= !self.twins.is_empty();
        self.prepare(width, height)?;
        self.check(Phase::Pair, &images)?;
        self.run(Phase::Pair, Given::Values(&images), shared, None);
        self.done = Some(Phase::Pair);
        Ok(())
    }

    /// Takes the inputs of an instant of the pair (those that are of [`Phase::Instant`], in order; a timestep is one value, a
    /// map channels × height × width) and computes the outputs.
    ///
    /// # Errors
    /// [`CpuError::NoPair`] when there is none; [`CpuError::Input`] when number or lengths of the inputs are not what the
    /// graph asks for.
    pub fn at(&mut self, inputs: &[&[f32]]) -> Result<(), CpuError> {
        if self.done.is_none() {
            return Err(CpuError::NoPair);
        }
        self.check(Phase::Instant, inputs)?;
        // Should it end in a panic, there is no instant to read.
        self.done = Some(Phase::Pair);
        self.run(Phase::Instant, Given::Values(inputs), Shared::default(), None);
        self.done = Some(Phase::Instant);
        Ok(())
    }

    /// As [`Engine::at`], and hands the outputs on: `take` is called with some rows of an output at a time, on one of the
    /// engine's threads, until it had all of those that depend on an instant; each output's rows come in order. With
    /// [`Engine::set_row_output`] that is while they are made, so `take` must not wait for work that it gives to the engine's pool:
    /// the [`Team`] is there to share work out to.
    ///
    /// # Errors
    /// As [`Engine::at`].
    pub fn at_rows(
        &mut self,
        inputs: &[&[f32]],
        mut take: impl FnMut(Rows<'_>, Team<'_>) + Send,
    ) -> Result<(), CpuError> {
        if self.row_output && self.done.is_some() {
            self.check(Phase::Instant, inputs)?;
            self.done = Some(Phase::Pair);
            self.run(Phase::Instant, Given::Values(inputs), Shared::default(), Some(&mut take));
            self.done = Some(Phase::Instant);
            return Ok(());
        }
        self.at(inputs)?;
        let Self { graph, plan, buffer, crew, options, .. } = self;
        let memory = buffer.memory();
        let Some(plan) = plan else { return Err(CpuError::NoPair) };
        let hand_on = |lead: &Lead<'_>| {
            for (index, (map, &id)) in plan.outputs.iter().zip(graph.outputs()).enumerate() {
                if graph.tensor(id).phase == Phase::Instant {
                    // SAFETY: the engine is borrowed, and no step runs.
                    take(unsafe { Rows::new(index, 0, map.layout, &map.planes, memory) }, Team::new(lead));
                }
            }
        };
        on(options.pool.as_ref(), || crew.run(hand_on));
        Ok(())
    }

    /// Copies output `index` of the graph: channels × height × width values.
    ///
    /// # Errors
    /// [`CpuError::NoPair`] or [`CpuError::NotRun`] when it has not been computed yet, [`CpuError::Output`] when there is no
    /// such output, [`CpuError::Input`] when `values` has another length.
    pub fn read_output(&mut self, index: usize, values: &mut [f32]) -> Result<(), CpuError> {
        let Some(plan) = &self.plan else { return Err(CpuError::NoPair) };
        let (Some(map), Some(&id)) = (plan.outputs.get(index), self.graph.outputs().get(index)) else {
            return Err(CpuError::Output { index, count: plan.outputs.len() });
        };
        if self.done.is_none_or(|done| done < self.graph.tensor(id).phase) {
            return Err(CpuError::NotRun);
        }
        if self.row_output && self.graph.tensor(id).phase == Phase::Instant {
            return Err(CpuError::HandedOn);
        }
        let shape = [1, map.planes.len(), map.layout.height, map.layout.width];
        if values.len() != shape.iter().product::<usize>() {
            return Err(InputError::Length { shape, found: values.len() }.into());
        }
        let buffer = &mut self.buffer;
        on(self.options.pool.as_ref(), || download(map, values, buffer));
        Ok(())
    }

    /// Runs the whole graph on tensors, in the order of [`Graph::inputs`], sample by sample; returns its outputs. For tests
    /// and tools: a video wants [`Engine::pair`] and [`Engine::at`].
    ///
    /// # Errors
    /// [`CpuError::Input`] when the inputs do not suit the graph, and as [`Engine::prepare`].
    pub fn run_tensors(&mut self, inputs: &[Tensor]) -> Result<Vec<Tensor>, CpuError> {
        let size = RunSize::of(&self.graph, inputs)?;
        let mut outputs: Vec<Tensor> = {
            let infos = self.graph.outputs().iter().map(|&id| self.graph.tensor(id));
            infos.map(|info| Tensor::zeros(size.shape(info.channels, info.extent))).collect()
        };
        let sample = |tensor: &Tensor, i: usize| {
            let n = tensor.data().len() / size.batch;
            i * n..(i + 1) * n
        };
        for i in 0..size.batch {
            let (mut pair, mut instant) = (Vec::new(), Vec::new());
            for (&id, tensor) in self.graph.inputs().iter().zip(inputs) {
                let values = &tensor.data()[sample(tensor, i)];
                match self.graph.tensor(id).phase {
                    Phase::Pair => pair.push(values),
                    Phase::Instant => instant.push(values),
                }
            }
            self.pair(size.width, size.height, &pair)?;
            self.at(&instant)?;
            for (index, output) in outputs.iter_mut().enumerate() {
                let range = sample(output, i);
                self.read_output(index, &mut output.data_mut()[range])?;
            }
        }
        Ok(outputs)
    }

    /// Whether these are as many values as the inputs of a phase have.
    fn check(&self, phase: Phase, values: &[&[f32]]) -> Result<(), CpuError> {
        let Some(plan) = &self.plan else { return Err(CpuError::NoPair) };
        let expected = inputs_of(&self.graph, phase).count();
        if expected != values.len() {
            return Err(InputError::Count { expected, found: values.len() }.into());
        }
        for (i, values) in inputs_of(&self.graph, phase).zip(values) {
            let map = &plan.inputs[i];
            let shape = [1, map.planes.len(), map.layout.height, map.layout.width];
            if values.len() != shape.iter().product::<usize>() {
                return Err(InputError::Length { shape, found: values.len() }.into());
            }
        }
        Ok(())
    }

    /// Takes the inputs of a phase, those that are given, and does its steps, but those that depend on a known image alone.
    /// `take`: who gets outputs row by row.
    fn run(&mut self, phase: Phase, inputs: Given<'_>, shared: Shared, mut take: Option<&mut Take<'_>>) {
        let Some(plan) = &self.plan else { return };
        let range = match phase {
            Phase::Pair => 0..plan.pair_steps,
            Phase::Instant => plan.pair_steps..plan.steps.len(),
        };
        let graph = &self.graph;
        let known = shared.known();
        let scratch = Scratch { start: plan.len, len: plan.scratch };
        let (level, buffer) = (self.options.level, &mut self.buffer);
        let (profile, images, crew) = (&mut self.profile, &self.images, &mut self.crew);
        let work = || {
            crew.run(|lead| {
                if let Some(how) = shared.moves() {
                    move_kept(lead, &plan.kept, how, buffer);
                }
                for (index, i) in inputs_of(graph, phase).enumerate() {
                    let map = &plan.inputs[i];
                    match inputs {
                        Given::Values(values) => upload(lead, map, values[index], buffer),
                        Given::Rows(write) => fill(lead, (index, map), buffer, write),
                    }
                }
                for index in range {
                    let step = &plan.steps[index];
                    if images[step.node].is_some_and(|image| known[image]) {
                        continue;
                    }
                    if let (Work::Deliver { inputs, index, row }, Some(take)) = (&step.work, &mut take) {
                        // SAFETY: the buffer is borrowed for this run alone, and no step runs meanwhile.
                        let rows = unsafe { Rows::new(*index, *row, step.layout, inputs, buffer.memory()) };
                        take(rows, Team::new(lead));
                    }
                    let start = profile.is_some().then(Instant::now);
                    run_step(lead, step, level, buffer, scratch);
                    if let (Some(profile), Some(start)) = (profile.as_mut(), start) {
                        profile.add(index, start.elapsed());
                    }
                }
            });
        };
        on(self.options.pool.as_ref(), work);
    }
}

/// Who is handed outputs as they are made.
type Take<'a> = dyn FnMut(Rows<'_>, Team<'_>) + Send + 'a;

/// How the inputs of a phase are given: as many values as there are inputs, or who writes their rows.
#[derive(Clone, Copy)]
enum Given<'a> {
    Values(&'a [&'a [f32]]),
    Rows(&'a (dyn Fn(RowsMut<'_>) + Sync)),
}

/// Which of a graph's inputs are of a phase.
fn inputs_of(graph: &Graph, phase: Phase) -> impl Iterator<Item = usize> {
    let is = move |&(_, id): &(usize, &TensorId)| graph.tensor(*id).phase == phase;
    graph.inputs().iter().enumerate().filter(is).map(|(i, _)| i)
}

/// Does something on the threads of a pool, or else of the one this is called in.
fn on<T: Send>(pool: Option<&Arc<ThreadPool>>, work: impl FnOnce() -> T + Send) -> T {
    match pool {
        Some(pool) => pool.install(work),
        None => work(),
    }
}
