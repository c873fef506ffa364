# shellcheck shell=bash
# What lies in a job's folder: before the program, between two attempts of it, and after. Read by job.sh. The notes are in esd/:
#   before.list      all paths before the program began, each ended by a zero byte, sorted
#   originals/       copies of the inputs, for a second attempt; none where they are large
#   output/          what this attempt prints, in a second place: Slurm empties the first one when it begins the job again
#   attempts/N/      what attempt N had made and printed when Slurm began anew
#   results.list     all that is there at the end (see `note_entries`)
#   results.sha256   the hash of each file, as `sha256sum --zero` prints it

most_kept=$((100 * 1024 * 1024)) # bytes of inputs that are copied for a second attempt
most_printed=$((64 * 1024))      # KiB of each stream that are kept of an attempt
keepers=()

# find ends with 1 where there is a folder that it may not enter: that is no failure here.
entries() { # FIND-ACTION…: everything but what the batch system, UNICORE and esd-deploy write by the way
  LC_ALL=C find . \( -path './.UNICORE_*' -o -type f ! -path './*/*' \( -path './bss_*_[0-9]*' -o -path './UNICORE_Job_[0-9]*' -o -path './TSI_submit_[0-9]*' \
    -o -path './UNICORE_SCRIPT_*' -o -path ./UNICORE_ALLOCATION_ID \) -o -path ./stdout -o -path ./stderr \
    -o -path './esd/image*.sif' -o -path ./esd/packages -o -path ./esd/plain-names -o -path ./esd/jobs -o -path ./esd/output -o -path ./esd/originals -o -path ./esd/service -o -path './esd/batch.*' -o -path './esd/results.*' \
    -o -path ./esd/before.list -o -path ./esd/claim -o -path './esd/ended*' \) -prune -o ! -path . "$@" 2>/dev/null
}

sorted_entries() {
  entries ! -path ./esd ! -path './esd/*' -print0 | LC_ALL=C sort -z
}

note_before() {
  local size
  sorted_entries >esd/before.part
  mv esd/before.part esd/before.list
  size=$(entries ! -path ./esd ! -path './esd/*' -type f -printf '%s\n' | awk '{ sum += $1 } END { printf "%.0f", sum }')
  [ "${size:-0}" -le "$most_kept" ] || return 0
  mkdir -p esd/originals
  entries ! -path ./esd ! -path './esd/*' -type f -print0 | xargs -0 -r cp --parents --preserve=mode,timestamps --target-directory=esd/originals --
}

# In the functions below bash takes names as bytes: in UTF-8 it would take the zero byte behind a name that ends in half a character for a
# part of it, and lose both this name and the next.

begin_attempt() { # a job that Slurm starts again finds its folder as it was, and its earlier output in esd/attempts/
  local attempt=${SLURM_RESTART_COUNT:-0} path LC_ALL=C
  rm -f esd/wireup.json esd/versions.json esd/failure.txt esd/start-crashes.jsonl
  if [ "$attempt" = 0 ] || [ ! -e esd/before.list ]; then
    note_before
    return 0
  fi
  printf '%s\n' "$attempt" >esd/restarts
  mkdir -p "esd/attempts/$attempt"
  # A folder comes before what is in it, and is moved as a whole.
  sorted_entries | LC_ALL=C comm -z -23 - esd/before.list | while IFS= read -r -d '' path; do
    [ -e "$path" ] || [ -L "$path" ] || continue
    mkdir -p "esd/attempts/$attempt/${path%/*}" && mv -- "$path" "esd/attempts/$attempt/$path"
  done
  [ ! -d esd/output ] || find esd/output -type f -size +0 -exec mv -t "esd/attempts/$attempt" {} +
  restore_inputs "esd/attempts/$attempt"
}

keep_output() { # a node that dies gives no time to do it then
  local name file number=0
  [ -n "${SLURM_JOB_ID:-}" ] || return 0
  mkdir -p esd/output
  for name in stdout stderr; do
    number=$((number + 1))
    file=$(readlink "/proc/$$/fd/$number") # now: a later step's own output goes elsewhere
    [ -f "$file" ] || continue
    (
      trap '' XFSZ # else bash tells the user of it
      ulimit -f "$most_printed"
      exec tail --bytes=+1 --follow --pid=$$ "$file" </dev/null >"esd/output/$name" 2>/dev/null
    ) &
    keepers+=("$!")
  done
}

drop_output() {
  [ "${#keepers[@]}" = 0 ] || kill "${keepers[@]}" 2>/dev/null
  rm -rf esd/output
}

restore_inputs() { # FOLDER: where those go that the earlier attempt changed
  local path LC_ALL=C
  [ -d esd/originals ] || return 0
  (cd esd/originals && find . -type f -print0) | while IFS= read -r -d '' path; do
    cmp -s "esd/originals/$path" "$path" && continue
    mkdir -p "$1/${path%/*}"
    if [ -e "$path" ]; then mv -- "$path" "$1/$path"; fi
    cp --preserve=mode,timestamps "esd/originals/$path" "$path"
  done
}

note_entries() { # the folder, then two fields an entry: `X TYPE LEADS-TO SIZE MODE PATH` and a link's target; each ended by a zero byte
  # X is `!` for what may not be read. TYPE and LEADS-TO are find's %y and %Y.
  printf '%s\0' "$(pwd -P)"
  entries \( \( ! -type l ! -readable -o -type d ! -executable \) -printf '!' -o -printf '.' \) -printf ' %y %Y %s %m %p\0%l\0'
}

plain_names() { # results whose names UNICORE cannot carry (unicore/names.py) get links of other names: a number, then `NUMBER SIZE ./PATH`
  local entry number=0 LC_ALL=C
  rm -rf esd/plain-names
  # shellcheck disable=SC2016 # the very text
  LC_ALL=C entries -type f \( -path '*$HOME*' -o -path '*$LOGNAME*' -o -path '*$USER*' -o -path $'*[\001-\037\177-\377]*' \
    -o -path "*'*" -o -path '*\\*' -o -path '*%[0-9A-Fa-f][0-9A-Fa-f]*' \) -printf '%s %p\0' |
    while IFS= read -r -d '' entry; do
      mkdir -p esd/plain-names
      ln -s "$PWD/${entry#* }" "esd/plain-names/$number"
      printf '%s %s\0' "$number" "$entry" >>esd/plain-names/list
      number=$((number + 1))
    done
}

note_results() { # files that cannot be read, or vanish meanwhile, keep no other from being noted
  plain_names
  note_entries >esd/results.list.part
  mv esd/results.list.part esd/results.list
  entries -type f -readable -print0 | xargs -0 -r sha256sum --zero -- >esd/results.sha256.part 2>/dev/null
  mv esd/results.sha256.part esd/results.sha256
}
