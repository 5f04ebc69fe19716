#!/usr/bin/env bash
# Installs what building and testing need and this machine lacks: a C compiler, pkg-config, libclang (for the FFmpeg
# bindings), FFmpeg's libraries and programs, and Rust. Says what it does; changes nothing that is there already.
set -euo pipefail

say() { printf 'setup: %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif have sudo; then sudo "$@"
  else say "this needs root: $*"; exit 1
  fi
}

have_ffmpeg_libs() {
  have pkg-config && pkg-config --exists libavcodec libavformat libavfilter libavutil libswscale libswresample libavdevice
}
# Rust 1.89 (stable AVX-512), FFmpeg 5.1 (libavformat 59.27): what is older builds nothing here.
rust_is_old() { [ "$(printf '%s\n' 1.89.0 "$(cargo --version | cut -d' ' -f2)" | sort -V | head -n 1)" != 1.89.0 ]; }
ffmpeg_is_old() { ! pkg-config --atleast-version=59.27 libavformat; }
# The C library that the bindings' generator loads; libclang-cpp, which other packages bring along, is another one.
have_libclang() {
  local folder
  for folder in "${LIBCLANG_PATH:-}" /usr/lib/llvm-*/lib /usr/lib /usr/lib64 /usr/lib/*-linux-gnu /opt/homebrew/opt/llvm/lib \
      /usr/local/opt/llvm/lib /Library/Developer/CommandLineTools/usr/lib; do
    if [ -d "$folder" ] && [ -n "$(find "$folder/" -maxdepth 1 \( -name 'libclang.so*' -o -name 'libclang-[0-9]*.so*' \
        -o -name libclang.dylib \) -print -quit 2>/dev/null)" ]; then return 0; fi
  done
  return 1
}

apt=(); dnf=(); brew=()
have cc          || { apt+=(build-essential); dnf+=(gcc); }
have pkg-config  || { apt+=(pkg-config); dnf+=(pkgconf-pkg-config); brew+=(pkgconf); }
have_libclang    || { apt+=(libclang-dev clang); dnf+=(clang-devel); brew+=(llvm); }
have ffmpeg      || { apt+=(ffmpeg); dnf+=(ffmpeg); brew+=(ffmpeg); }
have_ffmpeg_libs || {
  apt+=(libavcodec-dev libavformat-dev libavfilter-dev libavutil-dev libswscale-dev libswresample-dev libavdevice-dev)
  dnf+=(ffmpeg-devel)
  have ffmpeg && brew+=(ffmpeg)
}

if have apt-get; then
  if [ ${#apt[@]} -gt 0 ]; then
    say "installing with apt: ${apt[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${apt[@]}" >/dev/null
  fi
elif have dnf; then
  if [ ${#dnf[@]} -gt 0 ]; then
    say "installing with dnf: ${dnf[*]} (FFmpeg with H.264 comes from RPM Fusion; enable it if this fails)"
    as_root dnf install -y -q "${dnf[@]}"
  fi
elif have brew; then
  if [ ${#brew[@]} -gt 0 ]; then
    say "installing with brew: ${brew[*]}"
    brew install --quiet "${brew[@]}"
  fi
elif [ ${#apt[@]} -gt 0 ]; then
  say "found none of apt, dnf, brew; please install: a C compiler, pkg-config, libclang, FFmpeg 5.1 or newer with its development files"
  exit 1
fi

if ffmpeg_is_old; then
  say "FFmpeg's libraries are older than 5.1 (found libavformat $(pkg-config --modversion libavformat)): please install newer ones"
  exit 1
fi

export PATH="$HOME/.cargo/bin:$PATH"
# Homebrew links nothing of rustup into its bin, since rust's formula has the same programs.
use_brew_rustup() {
  local prefix
  if have brew && prefix=$(brew --prefix rustup 2>/dev/null) && [ -x "$prefix/bin/cargo" ]; then
    export PATH="$prefix/bin:$PATH"
  fi
}
have cargo || use_brew_rustup
if ! have cargo; then
  say "installing Rust (rustup)"
  if have apt-get && apt-cache show rustup >/dev/null 2>&1; then as_root apt-get install -y -qq rustup >/dev/null
  elif have dnf; then as_root dnf install -y -q rustup && rustup-init -y -q
  elif have brew; then brew install --quiet rustup && use_brew_rustup
    say "for cargo in a shell of yours: export PATH=\"$(brew --prefix rustup)/bin:\$PATH\" (make finds it by itself)"
  fi
  if have rustup; then rustup default stable; fi
fi
if ! have cargo; then
  say "no Rust found and no package of rustup here: install Rust 1.89 or newer from https://rustup.rs and run this again"
  exit 1
fi
if rust_is_old; then
  say "$(cargo --version) is too old: 1.89 or newer is needed (rustup update stable)"
  exit 1
fi
