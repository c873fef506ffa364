#!/usr/bin/env bash
# Every command of README, in its order and as it stands there, typed by one person in one shell. Root leaves out `sudo`, as README says;
# ADDRESS is this checkout's; the person answers apt's question with yes.
set -eo pipefail
# shellcheck source=steps.sh
. /fresh/steps.sh

# shellcheck disable=SC2016 # the prompt is a dollar
typed() { # the lines that begin with a prompt, without their comments
  sed -nE '/^```console$/,/^```$/ s/^\$ //p' /fresh/README.md | sed -E 's/ +# .*//; s#git clone ADDRESS#git clone --quiet /fresh/esd-images.git#'
}

printf 'APT::Get::Assume-Yes "true";\n' | as_root tee /etc/apt/apt.conf.d/91yes >/dev/null
export DEBIAN_FRONTEND=noninteractive
mapfile -t lines < <(typed)
[ "${#lines[@]}" -ge 8 ] || fail "README has ${#lines[@]} commands: are they written otherwise now?"
for line in "${lines[@]}"; do
  [ "$(id -u)" != 0 ] || line=${line//sudo /}
  step "$line" eval "$line"
done
# shellcheck disable=SC2312 # where there is none, the text is empty
[ -f "$(find runs -name raster.png -print -quit)" ] || fail 'the demo left no picture'
