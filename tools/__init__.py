"""What a user calls: the command line, corpora, training, measurements, reports.

cli             `stapes`: options and help, one file a command
commands        what the commands print
library         what they do: the functions that `import stapes` gives
progress        how far the work is, for whoever shows it
targets, defaults   names and values that options and commands share
console         where they speak: tables on standard output, progress on standard error
schemas         what they promise of `--json`
proof_table     the overflow proof for people
bundle          the folder that says all of a quantised model
float_network   the float network in it, looked at before it is run
engines         engines by name
auto_recipe, listening   which activations are worth int16, and the recordings that decide it
audio_files     audio arguments; audio/ holds the recordings that come along
frames          arrays in place of audio
regression, network_regression   what `regress` finds, and how for a network alone
corpus          real speech and noise from package registries
train, training training of the networks in models/zoo
enhance, rnnoise, metrics, dnsmos, hearing, pairs, pictures   evaluation's parts
pesq_process, pesq_child   PESQ in a process of its own, which it can crash
evaluation      evaluation as a whole: choice, pieces, statistics, checks, tables, report
checkup, pins   what `doctor` looks at, and the packages at their versions
work            pieces of work on all cores or machines, and their results as rows of Parquet
peer_costs      what others cost on the device, as measured once
conformance     vectors of quantised recurrent cells, for other implementations
bench           speed, and agreement over minutes
setup_venv      what the Makefile runs first
"""
