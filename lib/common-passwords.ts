/** Pieces that long passwords of leaked lists are made of, most of them under 12 letters by themselves: names, sports, love,
 *  games, the words for "password" and "welcome" in many languages, keyboard rows. One line per kind. */
const WORDS = `
password passwort passwd pass wachtwoord parola contrasena motdepasse senha salasana haslo heslo mima passphrase secret geheim
welcome willkommen bienvenue bienvenido benvenuto hello hallo hola bonjour changeme change letmein let me in enter open login
logon signin access default temp temporary guest admin administrator root super superuser user username account master system
server test tester testing demo example sample qwerty qwert qwertz azerty asdf asdfg asdfgh asdfghjkl zxcvb zxcvbn zxcvbnm
qwertyuiop qazwsx qaz wsx edc rfv tgb yhn ujm qwe asd zxc iop jkl bnm poiuyt lkjhgf mnbvcxz abc abcd abcde abcdef abcdefg
iloveyou ilove loveyou love lover mylove forever always together baby babygirl babyboy sweetheart sweetie darling honey angel
princess prince queen king sunshine flower rainbow butterfly summer winter spring autumn monday tuesday friday sunday january
february march april june july august september october november december football baseball basketball soccer hockey tennis
golf liverpool arsenal chelsea barcelona madrid juventus manchester united yankees lakers cowboys steelers eagles dragon
monkey tiger lion eagle wolf shadow hunter killer ninja pirate samurai warrior knight batman superman spiderman ironman
pokemon pikachu naruto starwars jedi skywalker matrix minecraft fortnite roblox warcraft playstation nintendo xbox google
facebook twitter instagram youtube netflix amazon microsoft windows apple iphone samsung android computer internet office
company business michael jennifer jordan jessica michelle daniel ashley andrew joshua matthew robert thomas charlie anthony
nicole amanda jasmine thunder maggie ginger pepper cookie chocolate cheese banana orange cherry peanut coffee whiskey jesus
christ jesuschrist heaven blessed god faith hope trust freedom liberty america american canada mexico london paris berlin
germany france italy spain china beijing shanghai japan tokyo india russia moscow money dollar cash rich lucky winner champion
power magic mystery galaxy star moon ocean river mountain phoenix diamond silver golden purple yellow green black white red
blue music guitar metallica slipknot nirvana rock metal fuck fucker fuckyou bitch asshole pussy sexy hottie naughty whatever
nothing something trustno friend friends family mother father mommy daddy brother sister woaini aini wodemima mypassword
mypass yourpassword thisismypassword newpassword oldpassword nopassword password123 hunter2 correcthorsebatterystaple
trustnoone iamgod iamthe best ever the my your our this that is and for you me are not no one two three aigne hub aignehub`;

/** What people put between and behind words, and the shapes of numbers that they use. */
const FILLING = [
  "(?:19|20)\\d\\d", // a year
  "\\d{1,4}",
  "(?:01234567890|1234567890|12345678910|123456789|12345678|1234567|123456|12345|987654321|9876543210|0987654321|654321)",
  "(\\d{1,3})\\1+", // 121212, 007007
  "[\\s!@#$%^&*()_+=.,;:?~|/\\\\'\"-]+",
];
const LEET: Readonly<Record<string, string>> = {
  "0": "o",
  "1": "l",
  "3": "e",
  "4": "a",
  "5": "s",
  "7": "t",
  "@": "a",
  $: "s",
  "!": "i",
};
/** More of them than this is a phrase, and phrases are long enough to count. */
const MAX_WORDS = 3;

const known = new Set(WORDS.split(/\s+/).filter(Boolean));
const longest = Math.max(...[...known].map(({ length }) => length));
const filling = new RegExp(`^(?:${FILLING.join("|")})`);
const RUNS = [
  "abcdefghijklmnopqrstuvwxyz",
  "qwertyuiopasdfghjklzxcvbnm",
  "qwertzuiopasdfghjklyxcvbnm",
  "azertyuiopqsdfghjklmwxcvbn",
  "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
  "01234567890123456789",
];

/** Whether somebody who guesses tries this among the first: one piece over and over, a run of keyboard or alphabet, or up to
 *  three common words with digits, years and signs around them, letters written as digits included. */
export function isCommonPassword(value: string): boolean {
  const text = value.toLowerCase();
  if (new Set(text).size < 4 || /^(.{1,6}?)\1+.?$/s.test(text) || isRun(text)) return true;
  return isMadeOfWords(text);
}

function isRun(text: string): boolean {
  const plain = text.replace(/[^a-z0-9,.;/]/g, "");
  const backwards = [...plain].reverse().join("");
  return plain.length >= 6 && RUNS.some((run) => run.includes(plain) || run.includes(backwards));
}

function withoutLeet(text: string): string {
  return text.replace(/[013457@$!]/g, (character) => LEET[character] ?? character);
}

/** Whether words and filling cover the text. Words are tried at every length, so that "passwordlove" is found as two. */
function isMadeOfWords(text: string): boolean {
  // fewest words that reach each place; no entry where nothing does
  const reached: (number | undefined)[] = [0];
  for (let at = 0; at < text.length; at++) {
    const words = reached[at];
    if (words === undefined) continue;
    const step = (length: number, more: number) => {
      const next = reached[at + length];
      if (next === undefined || words + more < next) reached[at + length] = words + more;
    };
    for (let length = 1; length <= Math.min(longest, text.length - at); length++) {
      const piece = text.slice(at, at + length);
      if (known.has(piece) || known.has(withoutLeet(piece))) step(length, 1);
    }
    const [filled] = filling.exec(text.slice(at)) ?? [];
    if (filled) for (let length = 1; length <= filled.length; length++) step(length, 0);
  }
  const words = reached[text.length];
  return words !== undefined && words > 0 && words <= MAX_WORDS;
}
