"""`stapes evaluate` behind its command line.

choice       words such as `pesq,haspi_moderate` to metrics, and what each needs
recordings   the pairs of a corpus with their measured SNR and, where the corpus tells, the kind of noise
statistics   means, standard errors and paired differences over recordings
contest      all systems that are compared
fitted       the same through the equaliser of a fitting, for the ears that it was made for
pieces       a few recordings through all systems, scored, as rows: what a worker does
run          all recordings of a corpus, scored, and the tables from the rows
checks       the same at other levels and on nearly clean speech
tables       what the terminal shows
charts       figures as pictures
script       what the report's table and blind tests are made of; `blind.js` and `page.js` run in the browser
page         the report in HTML, with sound; `page.html.j2` is its text
"""
