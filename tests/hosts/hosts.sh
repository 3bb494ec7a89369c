#!/usr/bin/env bash
# Two hosts with two ranks each, emulated on this machine: network namespaces joined by a bridge, each with its own host name; ranks of one host share memory,
# hosts speak TCP, mpirun reaches them through a stand-in for ssh. The folder is shared, as on a cluster.
#
#   hosts.sh CASE PROGRAM DECK
#
# CASE  same_bits  the results of two hosts are those of one
#       lost_host  all processes of a host are killed: the job ends within ten seconds, the checkpoints are whole, a restart gives the same bits
# Exit status: 0 passed, 1 failed, 77 no namespaces here (they want root and iproute2).
set -u
PATH=$PATH:/usr/sbin:/sbin
name=$1 program=$2 deck=$3
# shellcheck source=tests/support/shell.sh
. "$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)/support/shell.sh"
work=$(mktemp -d "${TMPDIR:-/tmp}/tessera-hosts.XXXXXX") || exit 1
tag=tes$(($$ % 100000)) # names of interfaces have at most 15 characters
net=10.$((80 + $$ % 100)).$(($$ / 100 % 250))
hosts='1 2'

leave() {
    local status=$? h p
    for h in $hosts; do
        for p in $(ip netns pids "$tag-$h" 2>/dev/null); do kill -KILL "$p" 2>/dev/null; done
        ip link del "$tag$h" 2>/dev/null
        ip netns del "$tag-$h" 2>/dev/null
    done
    ip link del "${tag}br" 2>/dev/null
    [ $status = 1 ] || rm -rf "$work"
    exit $status
}
trap leave EXIT
cd "$work" || exit 1

[ "$(id -u)" = 0 ] || skip "namespaces want root"
command -v ip >/dev/null && command -v unshare >/dev/null || skip "no iproute2 or unshare"
ip link add "${tag}br" type bridge 2>/dev/null && ip link set "${tag}br" up || skip "no bridge can be made here"
echo "127.0.0.1 localhost" >etc_hosts
for h in $hosts; do
    ip netns add "$tag-$h" && ip link add "$tag$h" type veth peer name eth0 netns "$tag-$h" || skip "no namespace can be made here"
    ip link set "$tag$h" master "${tag}br" up
    ip -n "$tag-$h" link set lo up
    ip -n "$tag-$h" addr add "$net.$h/24" dev eth0
    ip -n "$tag-$h" link set eth0 up
    echo "$net.$h host$h" >>etc_hosts
    echo "host$h slots=2" >>machines
done
# reach HOST COMMAND...: what ssh does
cat >reach <<END
#!/bin/sh
host=\$1
shift
exec ip netns exec "$tag-\${host#host}" unshare --uts --mount sh -c 'hostname "\$0"; mount --bind "$work/etc_hosts" /etc/hosts; exec sh -c "\$*"' "\$host" "\$@"
END
chmod +x reach

on_hosts() { # on_hosts RANKS OPTION...: run the deck; mpirun itself is on host1
    local ranks=$1; shift
    ./reach host1 "cd '$work' && exec env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1 OPENBLAS_NUM_THREADS=1 \
TES_FAULT='${TES_FAULT:-}' mpirun -n $ranks --hostfile machines --bind-to none --mca plm rsh --mca plm_rsh_agent '$work/reach' --mca odls_base_sigkill_timeout 1 \
--mca pml ob1 --mca btl tcp,vader,self --mca btl_tcp_if_include eth0 --mca oob_tcp_if_include eth0 -x TES_FAULT '$program' run '$deck' --quiet $*"
}

case_same_bits() {
    mpirun -n 2 "$program" run "$deck" --output one --quiet 2>one.err || fail "one host"
    timeout 60 ./reach host1 "cd '$work' && env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun -n 4 --hostfile machines --bind-to none --mca plm rsh \
--mca plm_rsh_agent '$work/reach' --mca oob_tcp_if_include eth0 hostname" >names 2>names.err || fail "hosts cannot be reached"
    [ "$(sort -u names | tr '\n' ' ')" = "host1 host2 " ] || fail "these are not two hosts: $(cat names)"
    on_hosts 4 --output two 2>two.err || fail "two hosts"
    same one two
}
case_lost_host() {
    mpirun -n 2 "$program" run "$deck" --output one --quiet 2>one.err || fail "one host"
    TES_FAULT="pause@step,count=0" on_hosts 4 --output cut --set checkpoint.every_steps=1 2>cut.err & local job=$! p t0
    for p in $(seq 200); do ls cut/checkpoint/*.h5 >/dev/null 2>&1 && break; sleep 0.1; done
    sleep 2
    t0=$SECONDS
    for p in $(ip netns pids "$tag-2"); do kill -KILL "$p" 2>/dev/null; done
    wait $job; local code=$?
    [ $code != 0 ] || fail "exit 0 although a host was lost"
    [ $((SECONDS - t0)) -le 10 ] || fail "the job took $((SECONDS - t0)) s to end"
    echo "ended with $code after $((SECONDS - t0)) s; checkpoints: $(ls cut/checkpoint | tr '\n' ' ')"
    sleep 1
    mpirun -n 3 "$program" run "$deck" --output cut --quiet --restart 2>again.err || fail "restart on one host"
    same one cut
}

"case_$name"
