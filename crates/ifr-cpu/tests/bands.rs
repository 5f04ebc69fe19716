//! Band by band or map by map: the same, to the bit.

#![allow(clippy::unwrap_used, reason = "tests may")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ifr_cpu::{Bands, CpuError, Engine, EngineOptions, Level, Rows, RowsMut, Shared, Team, Was};
use ifr_net::{Graph, IfrNet, IfrPlus, Parameters, Ratio};

fn values(n: usize, seed: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 37 + seed * 911) % 509) as f32 / 508.0).collect()
}

/// Bytes of the maps, and every output at two instants of each of two pairs, the second of which shares an image with the first.
fn run(graph: &Graph, size: (usize, usize), bands: Bands, threads: usize, level: Level) -> (usize, Vec<f32>) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let options = EngineOptions { pool: Some(Arc::new(pool)), level };
    let mut engine = Engine::new(graph, &Parameters::by_rule(graph), options).unwrap();
    engine.set_bands(bands);
    let (width, height) = size;
    let images = [1, 2, 3].map(|seed| values(3 * width * height, seed));
    let mut all = Vec::new();
    for k in 0..2 {
        let shared = Shared { first: if k == 0 { Was::New } else { Was::Second }, second: Was::New };
        engine.pair_sharing(width, height, [&images[k], &images[k + 1]], shared).unwrap();
        for t in [0.25, 0.5] {
            let flows: Vec<f32> = values(4 * width * height, k).iter().map(|v| 16.0 * v - 8.0).collect();
            let inputs: [&[f32]; 3] = [&[t], &flows, &images[k]];
            engine.at(&inputs[..graph.inputs().len() - 2]).unwrap();
            for (index, &id) in graph.outputs().iter().enumerate() {
                let info = graph.tensor(id);
                let (width, height) = info.extent.size(width, height);
                let mut out = vec![0.0; info.channels * width * height];
                engine.read_output(index, &mut out).unwrap();
                all.extend(out);
            }
        }
    }
    (engine.maps(), all)
}

fn same(graph: &Graph, size: (usize, usize), rows: &[usize], threads: &[usize], level: Level) {
    let (_, expected) = run(graph, size, Bands::Never, 2, level);
    for &rows in rows {
        for &threads in threads {
            let (_, found) = run(graph, size, Bands::Rows(rows), threads, level);
            assert!(
                found == expected,
                "{} at {size:?}, {level}, {rows} rows, {threads} threads",
                graph.name()
            );
        }
    }
}

#[test]
fn networks_make_the_same_frames() {
    for level in Level::available() {
        let size = if level == Level::SCALAR { (256, 96) } else { (272, 208) };
        let rows: &[usize] = if level == Level::SCALAR { &[4] } else { &[4, 8] };
        same(&IfrNet::S.graph(Ratio::ONE).unwrap(), size, rows, &[1, 2, 4], level);
    }
}

/// Priors, images larger than what the network works at, a first kernel that reaches further, heights no band divides.
#[test]
fn other_networks_do_too() {
    let half = Ratio::new(1, 2).unwrap();
    let graphs = [
        (IfrNet::S_FLOW.graph(Ratio::ONE).unwrap(), (256, 144)),
        (IfrNet::S_FLOW.graph(half).unwrap(), (256, 160)),
        (IfrNet { first_kernel: 7, ..IfrNet::S }.graph(Ratio::ONE).unwrap(), (256, 112)),
        (IfrPlus::PUBLISHED.graph(Ratio::ONE, Ratio::ONE).unwrap(), (256, 112)),
    ];
    for (graph, size) in graphs {
        same(&graph, size, &[12], &[3], Level::best());
    }
}

/// What is asked for itself must be whole, and is.
#[test]
fn maps_in_the_middle_can_be_asked_for() {
    let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
    let names = ["pred", "flows1", "decoder2", "img0/level2", "mask"];
    same(&graph.with_outputs(&names).unwrap(), (256, 144), &[16], &[3], Level::best());
}

/// Handed on row by row, outputs are the same, each row comes once and in order, and those maps take less memory.
#[test]
fn outputs_can_be_had_row_by_row() {
    let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
    let (width, height) = (256, 144);
    let images = [1, 2].map(|seed| values(3 * width * height, seed));
    let run = |row_output: bool, bands: Bands| {
        let mut engine = Engine::new(&graph, &Parameters::by_rule(&graph), EngineOptions::default()).unwrap();
        engine.set_row_output(row_output);
        engine.set_bands(bands);
        let write = |mut rows: RowsMut<'_>| {
            let image = &images[rows.input()];
            for y in rows.rows() {
                for (channel, row) in rows.row::<3>(y).into_iter().enumerate() {
                    row.copy_from_slice(&image[(channel * height + y) * width..][..width]);
                }
            }
        };
        engine.pair_with(width, height, write).unwrap();
        let mut pieces = 0;
        let mut out = vec![0.0; 3 * width * height];
        for t in [0.25, 0.5] {
            let mut next = 0;
            let take = |rows: Rows<'_>, team: Team<'_>| {
                let seen = AtomicUsize::new(0);
                team.each(5, &|part| _ = seen.fetch_add(part, Ordering::Relaxed));
                assert_eq!(seen.into_inner(), 10);
                assert_eq!((rows.output(), rows.channels(), rows.rows().start), (0, 3, next));
                next = rows.rows().end;
                pieces += 1;
                for (channel, y) in (0..3).flat_map(|c| rows.rows().map(move |y| (c, y))) {
                    out[(channel * height + y) * width..][..width].copy_from_slice(rows.row(channel, y));
                }
            };
            engine.at_rows(&[&[t]], take).unwrap();
            assert_eq!(next, height);
        }
        let mut whole = vec![0.0; out.len()];
        match engine.read_output(0, &mut whole) {
            Ok(()) => assert!(!row_output && whole == out),
            Err(error) => assert!(row_output && matches!(error, CpuError::HandedOn), "{error}"),
        }
        assert_eq!(engine.memory_for(width, height, bands).unwrap(), engine.memory());
        (out, pieces)
    };
    let (expected, pieces) = run(false, Bands::Never);
    assert_eq!(pieces, 2);
    for (row_output, bands) in [(true, Bands::Never), (false, Bands::Rows(8)), (true, Bands::Rows(8))] {
        let (found, pieces) = run(row_output, bands);
        assert!(found == expected, "{row_output}, {bands:?}");
        assert_eq!(pieces > 2, row_output && bands != Bands::Never);
    }
    // Of large frames, that is about the output itself.
    let [rows, whole] = [true, false].map(|row_output| {
        let mut engine = Engine::new(&graph, &Parameters::by_rule(&graph), EngineOptions::default()).unwrap();
        engine.set_row_output(row_output);
        engine.memory_for(1920, 1088, Bands::BySize).unwrap()
    });
    assert!(rows + 2 * 1920 * 1088 * 3 < whole, "{rows} and {whole} bytes");
}

/// This is what it is for.
#[test]
fn large_frames_take_less_memory() {
    let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
    let memory = |bands: Bands, (width, height): (usize, usize)| {
        let mut engine = Engine::new(&graph, &Parameters::by_rule(&graph), EngineOptions::default()).unwrap();
        engine.set_bands(bands);
        engine.prepare(width, height).unwrap();
        engine.maps()
    };
    let [whole, banded] = [Bands::Never, Bands::BySize].map(|bands| memory(bands, (1280, 704)));
    assert!(3 * banded < 2 * whole, "{banded} and {whole} bytes");
    let [whole, banded] = [Bands::Never, Bands::BySize].map(|bands| memory(bands, (128, 64)));
    assert_eq!(whole, banded, "small frames are done map by map");
    // Wide ones in lower bands take less again; more rows than there would be change nothing.
    let [usual, high, low] =
        [Bands::BySize, Bands::Low(64), Bands::Low(8)].map(|bands| memory(bands, (1920, 1088)));
    assert!(low < usual && usual == high, "{low}, {usual} and {high} bytes");
}

#[test]
fn lower_bands_make_the_same_frames() {
    let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
    let size = (672, 384);
    let (_, expected) = run(&graph, size, Bands::Never, 2, Level::best());
    let (_, found) = run(&graph, size, Bands::Low(8), 2, Level::best());
    assert!(found == expected);
}
