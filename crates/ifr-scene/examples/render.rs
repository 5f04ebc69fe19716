//! Writes the demo film as a YUV4MPEG2 stream (4:4:4, 8 bits) to standard output, for a look:
//! `cargo run --release -p ifr-scene --example render -- 640 360 24 | ffplay -`. With a fourth argument, only the
//! frame at that many seconds.

use std::io::{self, BufWriter, Write};

use ifr_frame::{ColorDescription, PixelFormat, Rate};
use ifr_scene::Scene;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, default: usize| arguments.get(i).map_or(Ok(default), |a| a.parse::<usize>());
    let (width, height) = (number(0, 640)?, number(1, 360)?);
    let rate = Rate::new(number(2, 24)? as i64, 1)?;
    let scene = Scene::demo();

    let mut out = BufWriter::new(io::stdout().lock());
    writeln!(
        out,
        "YUV4MPEG2 W{width} H{height} F{}:{} Ip A1:1 C444 XCOLORRANGE=LIMITED",
        rate.num(),
        rate.den()
    )?;
    let mut write = |image: ifr_frame::RgbImage| -> Result<(), Box<dyn std::error::Error>> {
        let frame = image.to_frame(PixelFormat::YUV444P8, ColorDescription::BT709)?;
        out.write_all(b"FRAME\n")?;
        for plane in frame.planes() {
            out.write_all(plane.as_u8().unwrap_or_default())?;
        }
        Ok(())
    };
    if let Some(seconds) = arguments.get(3) {
        return write(scene.render(seconds.parse()?, width, height));
    }
    for index in 0..scene.duration().div_floor(rate.period()) {
        write(scene.render_at(rate.time_of(index), width, height))?;
    }
    Ok(())
}
