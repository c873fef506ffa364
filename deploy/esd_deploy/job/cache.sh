# shellcheck shell=bash
# The folder of pulled images, for pull.sh, place.sh and images.sh, which define `die`. Each user has an own one, closed to all others:
# whoever can write into a folder decides what lies there, whatever its files are called. All work is done from inside of it, by relative
# names: someone who may rename things in the scratch folder cannot put another folder in its place meanwhile.

holds_for() { # UID WHAT: whether this file or folder belongs to the account, is no link, and nobody else may write to it
  local facts
  facts=$(stat -c '%u %a' -- "$2" 2>/dev/null) || return 1
  [ ! -L "$2" ] && [ "${facts% *}" = "$1" ] && [ $((8#${facts#* } & 8#22)) -eq 0 ]
}

enter_cache() { # SCRATCH NAME [KEEPER-UID]: changes into the folder where this account keeps images; makes it where there is none
  local above folder mode=700
  above=$(cd -P "$1" && pwd -P) || die "$1 cannot be entered"
  folder=${above%/}/$2-$UID
  if [ "${3:-}" = "$UID" ]; then # the account that fills a folder for all others: they read it
    folder=${above%/}/$2
    mode=755
  fi
  (umask 077 && mkdir "$folder" 2>/dev/null) || true
  # Where it leads is looked at once it is entered: until then somebody may have put a link to another folder of this account there.
  if ! cd "$folder" 2>/dev/null || [ "$(pwd -P)" != "$folder" ] || [ ! -O . ]; then
    die "$folder is no folder of your own ($(stat -c '%F of %U' "$folder" 2>&1)): whoever put it there could choose what runs; remove it"
  fi
  chmod "$mode" .
}

is_reliable() { # FOLDER UID: whether only root, this account and that one can change what the folder's path leads to
  local above owner mode
  above=$(cd -P "$1" 2>/dev/null && pwd -P) || return 1
  while :; do
    read -r owner mode < <(stat -c '%u %a' "$above")
    case $owner in 0 | "$2" | "$UID") ;; *) return 1 ;; esac
    [ $((8#$mode & 8#22)) -eq 0 ] || [ $((8#$mode & 8#1000)) -ne 0 ] || return 1
    [ "$above" != / ] || return 0
    above=$(dirname "$above")
  done
}

keeper_of_cache() { # the account that ESD_IMAGE_CACHE_KEEPER names, as a number; nothing where it names none
  [ -n "${ESD_IMAGE_CACHE_KEEPER:-}" ] || return 0
  id -u -- "$ESD_IMAGE_CACHE_KEEPER" 2>/dev/null ||
    die "there is no account '$ESD_IMAGE_CACHE_KEEPER' here; correct \`image_cache_keeper\` in the site's configuration"
}

sha256() { # FILE
  sha256sum <"$1" | cut -d ' ' -f 1
}

is_whole() { # FILE: the size first, which costs nothing; then every byte, each time: a name proves nothing
  [ "$(stat -c %s -- "$1" 2>/dev/null)" = "$ESD_IMAGE_SIZE" ] && [ "$(sha256 "$1")" = "$ESD_IMAGE_SHA256" ]
}

require_space() { # FOLDER
  local free
  free=$(df --output=avail -B1 "$1" | tail -n 1)
  [ "$free" -gt $((ESD_IMAGE_SIZE + ESD_IMAGE_SIZE / 4)) ] ||
    die "disk full: $((free / 1000000)) MB free in $1, the image has $((ESD_IMAGE_SIZE / 1000000)) MB; remove images there that are no longer needed"
}
