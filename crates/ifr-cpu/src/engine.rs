//! A graph ready to run.

use std::sync::Arc;
use std::time::Instant;

use ifr_net::{Graph, InputError, Parameters, Phase, RunSize, Tensor};
use rayon::ThreadPool;

use crate::error::CpuError;
use crate::level::Level;
use crate::memory::Buffer;
use crate::plan::kernel::Kernel;
use crate::plan::run::{download, run_step, upload};
use crate::plan::{Constants, Plan, constants};
use crate::profile::Profile;

/// How an [`Engine`] works. Its output depends on the level alone, and on that in the last bits only.
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
    /// `plan.scratch` floats for each thread.
    scratch: Buffer,
    winograd: bool,
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
            options,
            plan: None,
            buffer: Buffer::default(),
            scratch: Buffer::default(),
            winograd: true,
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
        if self.plan.as_ref().is_some_and(|p| p.size == (width, height)) {
            return Ok(());
        }
        let plan = Plan::new(
            &self.graph,
            &self.kernels,
            &self.constants,
            self.winograd,
            self.options.level,
            width,
            height,
        )?;
        self.plan = None;
        self.done = None;
        if plan.len > self.buffer.len() {
            self.buffer = Buffer::default();
            self.buffer = Buffer::new(plan.len)?;
        }
        if let Some(profile) = &mut self.profile {
            profile.start(&self.graph, &plan);
        }
        self.plan = Some(plan);
        self.scratch_for_threads()
    }

    /// Whether 3×3 convolutions may be done by Winograd's algorithm, as they are unless told otherwise: it takes a fraction of the
    /// time, with rounding errors about twice those of a direct summation. Without it is for comparisons.
    pub fn set_winograd(&mut self, allowed: bool) {
        if self.winograd != allowed {
            (self.winograd, self.plan, self.done) = (allowed, None, None);
        }
    }

    /// Makes room for what each thread needs for itself, unless it is there.
    fn scratch_for_threads(&mut self) -> Result<(), CpuError> {
        let Some(plan) = &self.plan else { return Ok(()) };
        // Without a pool of its own, an engine works on that which it is called in, and that can change.
        let pool = self.options.pool.as_ref();
        let threads = pool.map_or_else(rayon::current_num_threads, |p| p.current_num_threads());
        if plan.scratch * threads > self.scratch.len() {
            self.scratch = Buffer::default();
            self.scratch = Buffer::new(plan.scratch * threads)?;
        }
        Ok(())
    }

    /// Bytes of the buffer that all maps live in, for the size last prepared; 0 before that. Each thread has up to about 2 MB
    /// more for itself.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.buffer.len() * size_of::<f32>()
    }

    /// Takes the inputs of a pair (those of the graph's inputs that are of [`Phase::Pair`], in order; each channels × height ×
    /// width) and computes what does not depend on an instant.
    ///
    /// # Errors
    /// As [`Engine::prepare`], and [`CpuError::Input`] when number or lengths of the inputs are not what the graph asks
    /// for.
    pub fn pair(&mut self, width: usize, height: usize, inputs: &[&[f32]]) -> Result<(), CpuError> {
        self.prepare(width, height)?;
        self.done = None;
        self.upload(Phase::Pair, inputs)?;
        self.run(Phase::Pair)?;
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
        self.upload(Phase::Instant, inputs)?;
        self.run(Phase::Instant)?;
        self.done = Some(Phase::Instant);
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
        let shape = [1, map.planes.len(), map.layout.height, map.layout.width];
        if values.len() != shape.iter().product::<usize>() {
            return Err(InputError::Length { shape, found: values.len() }.into());
        }
        download(map, values, self.buffer.memory());
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

    fn inputs_of(&self, phase: Phase) -> impl Iterator<Item = usize> {
        let is = move |&(_, id): &(usize, &ifr_net::TensorId)| self.graph.tensor(*id).phase == phase;
        self.graph.inputs().iter().enumerate().filter(is).map(|(i, _)| i)
    }

    fn upload(&mut self, phase: Phase, values: &[&[f32]]) -> Result<(), CpuError> {
        let Some(plan) = &self.plan else { return Err(CpuError::NoPair) };
        let expected = self.inputs_of(phase).count();
        if expected != values.len() {
            return Err(InputError::Count { expected, found: values.len() }.into());
        }
        for (i, values) in self.inputs_of(phase).zip(values) {
            let map = &plan.inputs[i];
            let shape = [1, map.planes.len(), map.layout.height, map.layout.width];
            if values.len() != shape.iter().product::<usize>() {
                return Err(InputError::Length { shape, found: values.len() }.into());
            }
        }
        let memory = self.buffer.memory();
        for (i, values) in self.inputs_of(phase).zip(values) {
            upload(&plan.inputs[i], values, memory);
        }
        Ok(())
    }

    fn run(&mut self, phase: Phase) -> Result<(), CpuError> {
        self.scratch_for_threads()?;
        let Some(plan) = &self.plan else { return Err(CpuError::NoPair) };
        let range = match phase {
            Phase::Pair => 0..plan.pair_steps,
            Phase::Instant => plan.pair_steps..plan.steps.len(),
        };
        let (level, buffer, scratch) = (self.options.level, &mut self.buffer, &mut self.scratch);
        let profile = &mut self.profile;
        let work = || {
            for index in range {
                let step = &plan.steps[index];
                let start = profile.is_some().then(Instant::now);
                run_step(step, level, buffer, scratch, plan.scratch);
                if let (Some(profile), Some(start)) = (profile.as_mut(), start) {
                    profile.add(index, start.elapsed());
                }
            }
        };
        match &self.options.pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
        Ok(())
    }
}
