#!/usr/bin/env bash
# bash cluster.sh FOLDER COMMAND...   runs COMMAND beside a real Slurm of one node.
#
# The cluster lives in its own mount, process and network namespaces (hence root): its configuration is seen at
# /etc/slurm by itself alone, it listens on its own loopback, and it ends with COMMAND whatever happens.
# FOLDER keeps its state and logs. Needs Debian's slurm-wlm and munge. No accounting, no GPU.
set -euo pipefail

if [ "${1:-}" != --inside ]; then
    exec unshare --mount --pid --fork --mount-proc --kill-child --net bash "$0" --inside "$@"
fi
shift
folder=$(realpath "$1")
shift

ip link set lo up
ip address add 10.0.0.1/32 dev lo # getaddrinfo() wants an address besides 127.0.0.1
host=$(hostname)
mkdir -p "$folder"/{etc,run,state,spool,log}
chmod 755 "$folder" "$folder"/*
cp /etc/hosts "$folder/etc/hosts"
printf '127.0.0.1 localhost %s\n' "$host" > "$folder/etc/hosts"
mount --bind "$folder/etc/hosts" /etc/hosts

mkdir -p /run/munge
mount -t tmpfs tmpfs /run/munge
if [ ! -e "$folder/etc/munge.key" ]; then
    dd if=/dev/urandom of="$folder/etc/munge.key" bs=128 count=1 status=none
    chmod 400 "$folder/etc/munge.key"
fi
chown -R munge: "$folder/etc/munge.key" /run/munge
chmod 755 /run/munge
# munged asks for safe folders above its key and log; the namespace's own run folder is one.
cp --preserve=mode,ownership "$folder/etc/munge.key" /run/munge/key
setpriv --reuid munge --regid munge --clear-groups munged --key-file=/run/munge/key \
    --pid-file=/run/munge/pid --log-file=/run/munge/log --seed-file=/run/munge/seed --socket=/run/munge/munge.socket.2

cat > "$folder/etc/slurm.conf" <<EOF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmctldPidFile=$folder/run/slurmctld.pid
SlurmdPidFile=$folder/run/slurmd.pid
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.log
AuthType=auth/munge
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=1,batch_sched_delay=0
ReturnToService=2
MinJobAge=300
KillWait=10
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc --all) RealMemory=16000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
EOF
mkdir -p "$folder/etc/slurm"
mv "$folder/etc/slurm.conf" "$folder/etc/slurm/slurm.conf"
mount --bind "$folder/etc/slurm" /etc/slurm
slurmctld
slurmd -N "$host"
for _ in $(seq 60); do
    if [ "$(sinfo --noheader --format %t)" = idle ]; then
        "$@"
        exit
    fi
    sleep 0.5
done
echo "cluster.sh: the node did not come up" >&2
tail -n 20 "$folder"/log/*.log /run/munge/log >&2
exit 1
