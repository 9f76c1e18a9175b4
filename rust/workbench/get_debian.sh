#!/bin/sh
# Unpacks packages from the Debian mirror that this machine is configured to use. It needs no root rights, and changes no installed
# package. apt downloads the packages with a separate configuration, and checks them with the signed list of the suite.
#
# get_debian.sh FOLDER SUITE ARCHITECTURE PACKAGE...
#
# puts the packages and their dependencies into FOLDER/root. A package can have a version, such as `godot=4.6.3*`. If the suite no
# longer has one of the versions, it uses the current versions. Exit code 2 means that this machine has no apt or is not Debian.
# Without arguments, the script only checks this.
set -eu

command -v apt-get >/dev/null && command -v dpkg >/dev/null || exit 2
# Every mirror has Debian in the folder `debian`. A cloud image names a file with mirrors instead. Suites with a hyphen contain
# updates and security fixes, not the archive itself.
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

# Overrides some of the machine's settings. The others stay in force, because they may contain a proxy.
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
    # As root, apt would download as a user without write access to this folder, and print a warning.
    [ "$(id -u)" != 0 ] || echo 'APT::Sandbox::User "root";' >>"$apt/conf"
    printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n' "$1" "$suite" >"$apt/parts/suite.sources"
    # Other vendors also have a folder `debian`, with packages that are signed with their own keys. Only Debian's key is accepted.
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

# Shows the output of a command only if it fails.
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
