"""Training of the GRU mask and of GTCRN, in the order in which data meets the files.

recipe    every number of a training, from a TOML file
augment   pairs of speech and noise: speed, colour, level, pauses
analysis  what a network is given of noisy audio, in float or in fixed point
team      several processes that train one network
launch    such processes on this machine
precision products in bfloat16: where they can be computed, and where that pays
pool      pairs in memory with their Wiener gains and features, renewed piece by piece
recurrence  the GRU layers in C, forwards and backwards
networks  what can be trained: how a network is made, started and kept
loss      resynthesis and what it is judged by
fake_quant  the integer graph imitated in float
integer   the integer graph itself as the forward pass
objective what a step minimises
pruning   blocks of weights that become zeros
agreement on how many frames a forward pass and the engine are equal
validate  scores of a network on fixed pairs
tone      the network that corrects tone, trained on spectra under random curves (tone_curves); tone_score: what it is worth
state     the half-done training on disk, its log and its curves
curves    the log for TensorBoard
"""
