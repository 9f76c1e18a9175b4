#!/bin/sh
# Gets Godot from the Debian mirror that this machine is configured to use, without root and without touching what is
# installed: apt with a configuration of its own downloads, and dpkg unpacks into a folder of the cache. apt checks what it
# downloads by the signed list of the suite.
#
# get_godot.sh CACHE prints the path of the program; it gets it only where it is not in the cache yet. Exit code 2: this is no
# machine for it (another system or processor, no apt, no Debian).
set -eu

suite=forky
# What the tests were written for. Where the suite has moved on, what it has is taken.
version=4.6.3
# Mesa's OpenGL draws without a graphics card.
libraries="libgl1 libglx-mesa0 libgl1-mesa-dri libegl1"
# A change of this script that makes something else must change this: a folder of another recipe is made anew.
recipe=2

case "$(uname -s) $(uname -m)" in
    "Linux x86_64") architecture=amd64 triplet=x86_64-linux-gnu loader=usr/lib64/ld-linux-x86-64.so.2 ;;
    "Linux aarch64") architecture=arm64 triplet=aarch64-linux-gnu loader=usr/lib/ld-linux-aarch64.so.1 ;;
    *) exit 2 ;;
esac

cache=$1
folder=$cache/debian-$suite-$architecture
is_complete() { [ "$(cat "$folder/recipe" 2>/dev/null)" = "$recipe" ]; }
if is_complete; then
    echo "$folder/godot"
    exit
fi

command -v apt-get >/dev/null && command -v dpkg >/dev/null || exit 2
# Debian lies under `debian` on every mirror; a cloud image names a file with the mirrors instead. Suites with a hyphen are not
# the archive itself, but its updates and security fixes.
mirrors=$(apt-get update --print-uris 2>/dev/null | sed -n \
    -e "s|^'\(.*/debian/\)dists/[a-z]*/InRelease'.*|\1|p" \
    -e "s|^'\(mirror+file:.*/debian\.list/\)dists/[a-z]*/InRelease'.*|\1|p" | sort -u)
[ -n "$mirrors" ] || exit 2

say() { echo "$*" >&2; }

mkdir -p "$cache"
unfinished=$(mktemp -d "$cache/.unfinished-XXXXXX")
trap 'rm -rf "$unfinished"' EXIT
trap 'exit 1' HUP INT TERM
apt=$unfinished/apt

# Settings over those of the machine: these stay in force, as a proxy may stand there.
configure() {
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

# Shows what apt and dpkg say only where they fail.
quietly() { "$@" >"$unfinished/log" 2>&1 || { cat "$unfinished/log" >&2 && return 1; }; }

apt_get() {
    timeout 1200 env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get --config-file "$apt/conf" --assume-yes "$@"
}

get() {
    configure "$1"
    quietly apt_get update || return 1
    packages="godot=$version* godot-template-release=$version* $libraries"
    if ! apt_get install --simulate $packages >/dev/null 2>&1; then
        say "The suite $suite has another Godot than $version; that one is taken."
        packages="godot godot-template-release $libraries"
    fi
    quietly apt_get install --download-only $packages || return 1
    mkdir "$unfinished/root"
    for package in "$apt"/cache/archives/*.deb; do
        quietly dpkg --extract "$package" "$unfinished/root" || return 1
    done
    # The packages bring a newer C library than this machine's: its loader starts Godot.
    cat >"$unfinished/godot" <<END
#!/bin/sh
# Starts the Godot in the folder beside this file with the C library that came with it.
root=\$(cd "\$(dirname "\$0")" && pwd)/root
libraries=\$root/usr/lib/$triplet
exec "\$root/$loader" --library-path "\$libraries:\$libraries/pulseaudio" "\$root/usr/bin/godot" "\$@"
END
    chmod 755 "$unfinished" "$unfinished/godot"
    quietly timeout 60 "$unfinished/godot" --version || return 1
    rm -rf "$apt" "$unfinished/log"
    printf %s "$recipe" >"$unfinished/recipe"
}

for mirror in $mirrors; do
    say "Getting Godot from $mirror (suite $suite, about 180 MB) ..."
    if get "$mirror"; then
        # Another one may have been quicker.
        is_complete || rm -rf "$folder"
        mv -T "$unfinished" "$folder" 2>/dev/null || is_complete
        echo "$folder/godot"
        exit
    fi
    rm -rf "$unfinished"
    mkdir "$unfinished"
done
exit 1
