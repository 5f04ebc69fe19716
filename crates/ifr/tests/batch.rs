//! Many inputs at once, folders, defaults from a file, completions and man pages.
#![cfg(feature = "video")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{ffmpeg, frames, ifr, ifr_fails, ifr_ok, names, text};

fn clip(path: &Path, n: u32) -> PathBuf {
    let source = "testsrc=size=64x48:rate=5";
    let n = n.to_string();
    ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        source,
        "-frames:v",
        &n,
        "-pix_fmt",
        "yuv420p",
        "-c:v",
        "ffv1",
        text(path),
    ]);
    path.to_owned()
}

/// A folder of three clips, two of them in a folder below, something that is no video, and a broken one.
fn library() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir_all(at("in/below")).unwrap();
    clip(&at("in/a.mkv"), 3);
    fs::copy(at("in/a.mkv"), at("in/below/b.mkv")).unwrap();
    fs::copy(at("in/a.mkv"), at("in/below/c.mkv")).unwrap();
    fs::write(at("in/broken.mp4"), "no video".repeat(100)).unwrap();
    fs::write(at("in/notes.txt"), "no video either").unwrap();
    dir
}

#[test]
fn a_folder_is_interpolated_and_failures_do_not_stop_it() {
    let dir = library();
    let (input, out) = (dir.path().join("in"), dir.path().join("new/out"));
    let args = ["interpolate", text(&input), "--recursive", "--output-dir", text(&out)];
    let run = ifr(&args);
    let said = String::from_utf8(run.stderr).unwrap();
    assert_eq!(run.status.code(), Some(3), "{said}");
    assert!(
        said.contains("3 of 4 done, 1 failed") && said.contains("failed:") && said.contains("broken.mp4"),
        "{said}"
    );
    assert!(!said.contains("notes.txt"), "{said}");
    assert_eq!(names(&out), ["a.x2.mkv", "below"]);
    assert_eq!(names(&out.join("below")), ["b.x2.mkv", "c.x2.mkv"]);
    assert_eq!(frames(&out.join("below/c.x2.mkv")).len(), 5);
    assert_eq!(names(&input), ["a.mkv", "below", "broken.mp4", "notes.txt"]);

    // Again: what is there is in the way, or left alone.
    assert_eq!(ifr(&args).status.code(), Some(4));
    fs::remove_file(out.join("a.x2.mkv")).unwrap();
    let again = ifr(&[&args[..], &["--skip-existing", "--json"]].concat());
    assert_eq!(again.status.code(), Some(3));
    let lines = String::from_utf8(again.stdout).unwrap();
    let events: Vec<serde_json::Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let last = events.last().unwrap();
    assert_eq!(last["event"], "batch");
    assert_eq!([&last["inputs"], &last["done"], &last["skipped"]], [4, 1, 2]);
    assert!(last["failed"][0]["input"].as_str().unwrap().ends_with("broken.mp4"), "{last}");
    assert_eq!(names(&out), ["a.x2.mkv", "below"]);
}

#[test]
fn without_recursion_and_beside_the_inputs() {
    let dir = library();
    let input = dir.path().join("in");
    fs::remove_file(input.join("broken.mp4")).unwrap();
    let said = ifr_ok(&["interpolate", text(&input), "--model", "flow-fast"]);
    assert!(said.contains("a.x2.mkv"), "{said}");
    assert_eq!(names(&input), ["a.mkv", "a.x2.mkv", "below", "notes.txt"]);
    // The result is no input of the next run.
    ifr_fails(&["interpolate", text(&input)], 4, "a.x2.mkv exists already");
    ifr_ok(&["interpolate", text(&input), "--skip-existing"]);
    assert_eq!(names(&input), ["a.mkv", "a.x2.mkv", "below", "notes.txt"]);
}

#[test]
fn folders_of_images_and_clashes_in_one_output_folder() {
    let dir = library();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir(at("shots")).unwrap();
    ffmpeg(&["-f", "lavfi", "-i", "testsrc=size=32x32", "-frames:v", "3", text(&at("shots/%03d.png"))]);
    fs::copy(at("in/a.mkv"), at("in/below/a.mkv")).unwrap();
    let (one, other) = (at("in/a.mkv"), at("in/below/a.mkv"));
    let out = at("out");
    let run = ifr(&["interpolate", text(&one), text(&other), text(&at("shots")), "--output-dir", text(&out)]);
    let said = String::from_utf8(run.stderr).unwrap();
    assert_eq!(run.status.code(), Some(4), "{said}");
    assert!(said.contains("2 of 3 done, 1 failed"), "{said}");
    assert_eq!(names(&out), ["a.x2.mkv", "shots.x2"]);
    assert_eq!(names(&out.join("shots.x2")).len(), 5);
    ifr_fails(
        &["interpolate", text(&one), "--output-dir", text(&out), "-o", "x.mkv"],
        2,
        "cannot be used with",
    );
    ifr_fails(&["interpolate", text(&one), "--output-dir", text(&one)], 4, "create the folder");
}

/// Runs `ifr` with the given folder for settings.
fn with_settings<S: AsRef<std::ffi::OsStr>>(folder: &Path, args: &[S]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ifr")).args(args).env("XDG_CONFIG_HOME", folder).output().unwrap()
}

#[test]
fn defaults_come_from_a_file_and_the_command_line_wins() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let input = clip(&at("a.mkv"), 3);
    let out = at("out.mkv");
    let settings = at("ifr.toml");
    let plan = |extra: &[&str]| -> Result<serde_json::Value, String> {
        let args = [&["interpolate", text(&input), "-o", text(&out), "--dry-run", "--json"], extra].concat();
        let run = with_settings(dir.path(), &args);
        let said = String::from_utf8(run.stderr).unwrap();
        match run.status.code() {
            Some(0) => Ok(serde_json::from_slice(&run.stdout).unwrap()),
            code => Err(format!("{code:?}: {said}")),
        }
    };
    assert_eq!(plan(&[]).unwrap()["speed"], "2 times as many frames");
    fs::write(
        &settings,
        "model = 'flow-fast'\nthreads = 1\n[interpolate]\nfactor = 3\ncuts = 'off'\n[eval]\ntta = true\n",
    )
    .unwrap();
    let found = plan(&[]).unwrap();
    assert_eq!(
        (&found["speed"], &found["making"]["model"]),
        (&"3 times as many frames".into(), &"flow-fast".into())
    );
    assert_eq!(plan(&["--factor", "4"]).unwrap()["speed"], "4 times as many frames");
    // What cannot stand beside what the command line says goes, too.
    assert_eq!(plan(&["--fps", "30"]).unwrap()["output_rate"], "30");
    let list = at("cuts.txt");
    fs::write(&list, "2\n").unwrap();
    plan(&["--cut-list", text(&list)]).unwrap();
    assert_eq!(plan(&["--no-config"]).unwrap()["speed"], "2 times as many frames");
    // A table is nearer than the top.
    fs::write(&settings, "factor = 5\n[interpolate]\nfps = 50\n").unwrap();
    assert_eq!(plan(&[]).unwrap()["output_rate"], "50");
    let other = at("other.toml");
    fs::write(&other, "[interpolate]\nfactor = 6\nforce = false\n").unwrap();
    assert_eq!(plan(&["--config", text(&other)]).unwrap()["speed"], "6 times as many frames");
    // Before the subcommand, too.
    let args = ["--config", text(&other), "interpolate", text(&input), "-o", text(&out), "--dry-run"];
    assert!(String::from_utf8(with_settings(dir.path(), &args).stdout).unwrap().contains("6 times"));

    for (content, code, words) in [
        ("[interpolate]\nfsp = 60", 2, "interpolate.fsp: 'ifr interpolate' has no option --fsp"),
        ("fsp = 60", 2, "fsp: no subcommand has an option --fsp"),
        ("[interpolat]\nfps = 60", 2, "[interpolat]: no such subcommand; expected one of interpolate, plan"),
        ("[interpolate]\ninputs = 'a.mp4'", 2, "has no option --inputs"),
        ("[interpolate]\nforce = 'yes'", 2, "interpolate.force: it is a switch; expected true or false"),
        ("[interpolate]\nfps = true", 2, "interpolate.fps: found true or false, expected a value"),
        ("[interpolate]\nfps = [1, 2]", 2, "interpolate.fps: found 2 values, expected one"),
        ("[interpolate]\nfps = 'fast'", 2, "invalid value 'fast' for '--fps"),
        ("[interpolate]\nfps = 60\nfactor = 2", 2, "cannot be used with"),
        ("[interpolate", 2, "TOML parse error"),
        ("config = 'other.toml'", 2, "no subcommand has an option --config"),
    ] {
        fs::write(&settings, content).unwrap();
        let error = plan(&[]).unwrap_err();
        assert!(error.contains(&format!("Some({code})")) && error.contains(words), "{content}: {error}");
        assert!(error.contains("ifr.toml"), "{error}");
    }
    let error = plan(&["--config", text(&at("gone.toml"))]).unwrap_err();
    assert!(error.contains("Some(3)") && error.contains("gone.toml"), "{error}");
}

#[test]
fn completions_and_man_pages_know_every_subcommand() {
    let subcommands = ["interpolate", "compare", "preview", "completions", "doctor"];
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let out = ifr(&["completions", shell]);
        assert!(out.status.success());
        let script = String::from_utf8(out.stdout).unwrap();
        assert!(subcommands.iter().all(|s| script.contains(s)) && script.contains("output-dir"), "{shell}");
    }
    ifr_fails(&["completions", "csh"], 2, "csh");
    // The shell itself is asked whether that is a script.
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("ifr.bash");
    fs::write(&script, ifr(&["completions", "bash"]).stdout).unwrap();
    let words = "COMP_WORDS=(ifr interpolate --output-d); COMP_CWORD=2; _ifr ifr --output-d interpolate; echo ${COMPREPLY[@]}";
    let asked = Command::new("bash").args(["-c", &format!("source {}; {words}", text(&script))]).output();
    if let Ok(answer) = asked {
        assert_eq!(String::from_utf8_lossy(&answer.stdout).trim(), "--output-dir", "{answer:?}");
    }

    let pages = dir.path().join("man");
    let said = ifr_ok(&["man", text(&pages)]);
    let all = names(&pages);
    assert!(said.contains(&format!("{} pages", all.len())), "{said}");
    for subcommand in subcommands {
        let page = fs::read_to_string(pages.join(format!("ifr-{subcommand}.1"))).unwrap();
        assert!(page.contains(".TH ifr-") && page.contains("SYNOPSIS"), "{subcommand}: {page}");
    }
    let page = String::from_utf8(ifr(&["man"]).stdout).unwrap();
    assert_eq!(page, fs::read_to_string(pages.join("ifr.1")).unwrap());
    assert!(page.contains("Exit codes"), "{page}");
}

/// A batch that was killed goes on where it was: what is done is left alone, what was begun is finished.
#[test]
fn skipping_and_resuming_go_together() {
    let dir = library();
    let (input, out) = (dir.path().join("in"), dir.path().join("out"));
    fs::remove_file(input.join("broken.mp4")).unwrap();
    let args = ["interpolate", text(&input), "-r", "--output-dir", text(&out), "--skip-existing", "--resume"];
    ifr_ok(&args);
    let first = frames(&out.join("a.x2.mkv"));
    fs::remove_file(out.join("below/c.x2.mkv")).unwrap();
    let said = ifr_ok(&args);
    assert!(said.contains("1 of 3 done, 2 skipped"), "{said}");
    assert_eq!(frames(&out.join("below/c.x2.mkv")), first);
}

/// An address is an input where that is allowed, and no file otherwise.
#[test]
fn addresses_are_inputs_if_allowed() {
    let dir = library();
    let file = fs::read(dir.path().join("in/a.mkv")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/a.mkv", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        // As long as it is asked; the test's own last call ends it.
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let said = stream.read(&mut request).unwrap_or(0);
            if request[..said].starts_with(b"END") {
                return;
            }
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", file.len());
            let _ = stream.write_all(&[head.as_bytes(), &file].concat());
        }
    });
    let out = dir.path().join("far.mkv");
    ifr_fails(&["interpolate", &address, "-o", text(&out)], 3, "No such file");
    ifr_fails(&["interpolate", &address, "--allow-protocols", "http"], 2, "say where to write");
    ifr_fails(&["interpolate", &address, "--allow-protocols", "HTTP!"], 2, "expected names such as");
    ifr_ok(&["interpolate", &address, "--allow-protocols", "http", "-o", text(&out)]);
    assert_eq!(frames(&out).len(), 5);
    let place = address.strip_prefix("http://").unwrap().split('/').next().unwrap();
    TcpStream::connect(place).unwrap().write_all(b"END").unwrap();
    server.join().unwrap();
}
