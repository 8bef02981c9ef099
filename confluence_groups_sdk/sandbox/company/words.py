"""The words from which the names of people, apps and groups are made."""

from __future__ import annotations


def _split(words: str) -> tuple[str, ...]:
    return tuple(words.split())


FIRST_NAMES = _split(
    "Aino Aisha Alejandro Amara Amélie Ana Anders Anjali Antonio Ayşe Beatriz Björn Bogdan Carmen Chidi Chloé Claudia "
    "Daniel Darius Diego Dmitri Ebba Ekaterina Elif Emeka Emma Eszter Fatima Felix Fiona Gabriel Giulia Grace Hamza "
    "Hanna Haruto Ines Ingrid Isaac Ivana Jakub Jamal Jana Javier Jin Joana Jonas Julia Kamal Karin Kenji Kofi Laila "
    "Lars Laura Leila Léo Li Linnea Lucía Luka Magnus Malik Marta Mateo Maya Mei Mikael Milan Mina Nadia Naomi Nia "
    "Nikolai Noor Olga Omar Oscar Paolo Petra Priya Rafael Ravi Renata Rosa Saoirse Sara Sebastián Sofia Soren Tariq "
    "Thea Tomás Uma Valentina Viktor Wanjiru Yara Yusuf Zoë Zofia"
)
LAST_NAMES = _split(
    "Abara Adeyemi Ahmed Almeida Andersson Arslan Baker Banerjee Bauer Becker Bianchi Björk Bondarenko Brandt Brown "
    "Campos Castillo Chen Clarke Costa Dahl Danjuma Delgado Demir Dubois Eklund Engel Eriksen Evans Fernández Ferrari "
    "Fischer Fofana Fonseca Forsberg Fujita García Girard Gómez González Gruber Gupta Haddad Hansen Hashimoto "
    "Hoffmann Horvat Hughes Ibrahim Ivanova Jansen Jensen Jovanović Kaplan Karlsson Kaya Keller Khan Kim Klein Kovács "
    "Kowalska Kumar Laine Lambert Larsen Lefèvre Lehmann Lindqvist Lopes Mäkinen Marino Martin Mensah Meyer Moreau "
    "Müller Murphy Mwangi Nair Nakamura Nguyen Nielsen Novák Nowak Nyström Oduya Okafor Olsen Ortega Park Patel "
    "Pereira Petrov Popescu Quinn Ramírez Reyes Ricci Roberts Rossi Roux Salazar Santos Sato Schmidt Schneider Silva "
    "Singh Sokolov Suzuki Tanaka Taylor Thompson Torres Tóth Turner Varga Vasquez Virtanen Wagner Walker Wang Weber "
    "Wójcik Yamamoto Yilmaz Zhang Zimmermann"
)
APP_NAMES = (
    "Automation for Confluence",
    "Diagram Editor",
    "Slack Connector",
    "Backup Robot",
    "Status Page Sync",
    "Forms and Surveys",
    "Translation Service",
    "Calendar Sync",
    "Metrics Exporter",
    "Release Publisher",
    "Policy Checker",
    "Page Archiver",
)
PARTNERS = ("partner.example", "agency.example", "audit.example", "freelance.example")

DEPARTMENTS = _split(
    "engineering product design data security it support sales marketing finance legal people operations procurement "
    "research facilities"
)
REGIONS = _split("emea apac americas nordics")
ROLES = _split("managers leads readers editors analysts on-call")
CITIES = _split(
    "amsterdam austin bangalore berlin dublin lagos lisbon london madrid melbourne milan nairobi oslo paris prague "
    "singapore stockholm sydney tokyo toronto"
)
TEAMS = _split(
    "albatross badger bison cheetah condor coyote dolphin falcon ferret gecko heron ibex jaguar kestrel lemur lynx "
    "magpie marlin marten moose narwhal ocelot orca osprey otter panther pelican puffin raven salmon seal shrike stork "
    "tapir tern viper walrus weasel wolf wombat"
)
PROJECTS = _split(
    "amber anchor apollo atlas aurora beacon bluebird boreas cascade cobalt comet compass copper delta ember everest "
    "falstaff granite harbor helios horizon indigo iris juniper kepler lantern mercury meridian monsoon nimbus onyx "
    "orion pioneer polaris quartz sapphire sequoia solstice tundra vega"
)
SPACES = _split(
    "architecture benefits brand budget careers compliance customer-stories events facilities-guide glossary "
    "handbook incidents interviews newsroom onboarding partners policies press release-notes roadmap runbooks "
    "security-guide templates travel"
)
