#!/bin/sh
# Unpacks packages from the Debian mirror that this machine is configured to use, without root and without touching what is
# installed: apt with a configuration of its own downloads, and checks what it downloads by the signed list of the suite.
#
# get_debian.sh FOLDER SUITE ARCHITECTURE PACKAGE...
#
# puts the packages, and what they need, below FOLDER/root. A package can have a version, as `godot=4.6.3*`; where the suite has
# moved on, what it has is taken. Exit code 2: this is no machine for it, having no apt or no Debian; without arguments, that is all
# that is looked at.
set -eu

command -v apt-get >/dev/null && command -v dpkg >/dev/null || exit 2
# Debian lies under `debian` on every mirror; a cloud image names a file with the mirrors instead. Suites with a hyphen are not
# the archive itself, but its updates and security fixes.
mirrors=$(apt-get update --print-uris 2>/dev/null | sed -n \
    -e "s|^'\(.*/debian/\)dists/[a-z]*/InRelease'.*|\1|p" \
    -e "s|^'\(mirror+file:.*/debian\.list/\)dists/[a-z]*/InRelease'.*|\1|p" | sort -u)
[ -n "$mirrors" ] || exit 2
[ "$#" -gt 0 ] || exit 0

folder=$1 suite=$2 architecture=$3
shift 3
apt=$folder/apt
trap 'rm -rf "$apt"' EXIT
trap 'exit 1' HUP INT TERM

# Settings over those of the machine: these stay in force, as a proxy may stand there.
configure() {
    rm -rf "$apt"
    mkdir -p "$apt/parts" "$apt/state/lists/partial" "$apt/cache/archives/partial"
    : >"$apt/status"
    cat >"$apt/conf" <<END
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Default-Release;
#clear APT::Architectures;
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Install-Recommends "false";
Acquire::Retries "3";
Acquire::Languages "none";
Dir::State "$apt/state";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Dir::Cache::archives "archives";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$apt/parts";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
END
    # As root, apt would download as a user who may not write into this folder, and warn.
    [ "$(id -u)" != 0 ] || echo 'APT::Sandbox::User "root";' >>"$apt/conf"
    printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n' "$1" "$suite" >"$apt/parts/suite.sources"
    # Others keep packages under `debian` too, signed with keys of their own: Debian's key alone counts.
    for key in /usr/share/keyrings/debian-archive-keyring.pgp /usr/share/keyrings/debian-archive-keyring.gpg; do
        if [ -f "$key" ]; then
            echo "Signed-By: $key" >>"$apt/parts/suite.sources"
            break
        fi
    done
}

apt_get() {
    timeout 1200 env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get --config-file "$apt/conf" --assume-yes "$@"
}

# Shows what apt and dpkg say only where they fail.
quietly() {
    "$@" >"$apt/log" 2>&1 || { cat "$apt/log" >&2 && return 1; }
}

# get MIRROR PACKAGE...
get() {
    configure "$1"
    shift
    quietly apt_get update || return 1
    if ! apt_get install --simulate "$@" >/dev/null 2>&1; then
        # shellcheck disable=SC2046 # No name of a package has a space.
        set -- $(printf '%s\n' "$@" | sed 's/=.*//')
    fi
    quietly apt_get install --download-only "$@" || return 1
    mkdir "$folder/root"
    for package in "$apt"/cache/archives/*.deb; do
        quietly dpkg --extract "$package" "$folder/root" || return 1
    done
}

for mirror in $mirrors; do
    if get "$mirror" "$@"; then
        exit
    fi
    rm -rf "$folder/root"
done
exit 1
